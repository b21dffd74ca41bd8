import type { Clock } from '../../common/clock.js';
import type { AppConfig } from '../../config/index.js';
import {
  CatalogImportModule,
  CategoryImporter,
  ImportReport,
  openCatalogueFile,
  ProductImporter,
} from '../../modules/catalog-import/index.js';
import { createToolContext, requireDatabase } from '../tool-context.js';
import { ProgressDisplay, type Screen } from './progress-display.js';

export interface ImportTerminal {
  /** Progress and refused rows. */
  readonly stderr: Screen;
  /** The summary. */
  readonly stdout: Screen;
}

/**
 * Loads one file and tells how it went. True when every row went in.
 * @throws Error when the file or the database cannot be used; what was written before stays written.
 */
export async function runImport(
  path: string,
  config: AppConfig,
  clock: Clock,
  terminal: ImportTerminal,
): Promise<boolean> {
  const display = new ProgressDisplay(terminal.stderr, clock);
  const startMs = clock.monotonicMs();
  const report = new ImportReport(({ line, reason }) => {
    display.print(`line ${String(line)}: ${reason}`);
  });
  const file = await openCatalogueFile(path, (readBytes) => {
    display.show(readBytes / Math.max(1, file.sizeBytes), report.rows, report.refusedRows);
  });
  const context = await createToolContext(config, [CatalogImportModule]);
  try {
    await requireDatabase(context);
    const importer = context.get(file.format === 'products' ? ProductImporter : CategoryImporter);
    await importer.run(file.chunks, report);
  } finally {
    display.clear();
    if (report.rows > 0) terminal.stdout.write(summarise(path, report, clock.monotonicMs() - startMs));
    await context.close();
  }
  return report.refusedRows === 0;
}

function summarise(path: string, report: ImportReport, durationMs: number): string {
  const lines = Object.entries(report.counts)
    .filter(([, counts]) => Object.values(counts).some((count) => count > 0))
    .map(
      ([what, { created, updated, unchanged }]) =>
        `  ${what.padEnd(12)}${String(created)} created, ${String(updated)} updated, ${String(unchanged)} unchanged`,
    );
  return [
    `${path}: ${String(report.rows)} rows in ${(durationMs / 1000).toFixed(1)} s`,
    ...lines,
    `  ${'refused'.padEnd(12)}${String(report.refusedRows)} rows`,
    '',
  ].join('\n');
}
