const POLL_MS = 20;

/**
 * Waits until the condition holds: polls it, up to a deadline.
 * @throws Error that names what was waited for.
 */
export async function waitFor(
  what: string,
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${String(deadlineMs)} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
