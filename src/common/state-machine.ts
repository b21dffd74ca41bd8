/** For each state, the states that may follow it. A state with an empty list is final. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** A table of legal transitions; the table is data, the machine only answers questions about it. */
export class StateMachine<State extends string> {
  constructor(private readonly transitions: Transitions<State>) {}

  can(from: State, to: State): boolean {
    return this.transitions[from].includes(to);
  }

  isFinal(state: State): boolean {
    return this.transitions[state].length === 0;
  }

  /** Every state from which `to` can be reached in one step: the guard of a conditional UPDATE. */
  sourcesOf(to: State): State[] {
    return (Object.keys(this.transitions) as State[]).filter((from) => this.can(from, to));
  }
}
