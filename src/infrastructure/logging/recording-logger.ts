import { Logger } from './logger.js';

type Level = 'error' | 'warn' | 'info' | 'debug';

interface RecordedLine {
  readonly level: Level;
  readonly fields: object;
  readonly message: string;
}

/** Writes nothing and keeps every line: for tests. */
export class RecordingLogger extends Logger {
  readonly lines: RecordedLine[] = [];

  get messages(): string[] {
    return this.lines.map(({ message }) => message);
  }

  fieldsOf(level: Level): object[] {
    return this.lines.filter((line) => line.level === level).map(({ fields }) => fields);
  }

  override error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }

  override warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }

  override info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }

  override debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }
}
