import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderDashboards } from '../../scripts/monitoring/dashboards.mjs';
import type { Slo } from '../../scripts/monitoring/slo-rules.mjs';

const slo = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../deployment/monitoring/slo.json', import.meta.url)), 'utf8'),
) as Slo;
const dashboards = Object.entries(renderDashboards(slo));

describe.each(dashboards)('the dashboard %s', (_, dashboard) => {
  const { panels } = dashboard;

  it('is one that Grafana 11 takes from a file', () => {
    expect(dashboard).toMatchObject({ schemaVersion: 39, editable: false });
    expect(dashboard.uid).toMatch(/^[a-z-]{1,40}$/);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.every(({ type }) => ['row', 'timeseries', 'stat', 'table'].includes(type))).toBe(true);
  });

  it('asks the chosen data source for every panel, under letters of their own', () => {
    for (const panel of panels) {
      if (!('targets' in panel)) continue;
      expect(panel.targets.length).toBeGreaterThan(0);
      expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
      for (const { datasource } of [panel, ...panel.targets])
        expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
    }
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource']);
  });

  it('has no panel beside the page or over another', () => {
    const taken = new Set<string>();
    for (const { gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(x).toBeLessThan(24);
          expect(taken.has(`${String(x)},${String(y)}`)).toBe(false);
          taken.add(`${String(x)},${String(y)}`);
        }
  });
});

it('has dashboards of one identity each', () => {
  expect(new Set(dashboards.map(([, { uid }]) => uid)).size).toBe(dashboards.length);
});
