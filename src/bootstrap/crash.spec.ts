import { EventEmitter } from 'node:events';
import type { ErrorReporter } from '../infrastructure/error-reports/index.js';
import { createLogger } from '../infrastructure/logging/index.js';
import { endWhenCrashed } from './crash.js';

class ProcessToEnd extends EventEmitter {
  readonly codes: number[] = [];

  exit(code: number): void {
    this.codes.push(code);
  }
}

describe('a process that nobody can vouch for any more', () => {
  it('ends at once when nobody is told', () => {
    const process = new ProcessToEnd();
    endWhenCrashed(process, createLogger('silent'), null);
    process.emit('uncaughtException', new Error('a defect'));
    expect(process.codes).toEqual([1]);
  });

  it('ends once its report is answered, however often it fails meanwhile', async () => {
    const process = new ProcessToEnd();
    const told: string[] = [];
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const reporter: ErrorReporter = {
      report: (_fields, message) => told.push(message),
      expose: () => undefined,
      close: () => answered,
    };
    const logger = createLogger('silent', 1, (fields, message) => {
      reporter.report(fields, message);
    });
    endWhenCrashed(process, logger, reporter);
    process.emit('uncaughtException', new Error('a defect'));
    process.emit('uncaughtException', new Error('another'));
    expect([told, process.codes]).toEqual([['the process crashed', 'the process crashed'], []]);
    answer();
    await answered;
    await new Promise(setImmediate);
    expect(process.codes).toEqual([1]);
  });
});
