// The few forms of panels that our dashboards have, as Grafana 11 reads them.

/**
 * @typedef {[expr: string, legend: string]} Query
 * @typedef {object} Panel
 * @property {string} title
 * @property {'timeseries' | 'stat' | 'table'} type
 * @property {string} unit of Grafana: `s`, `reqps`, `percentunit`, `short`, `bytes`
 * @property {Query[]} queries
 * @property {string} about what one sees in it
 * @property {{ value: number, color: string }[]} steps
 */

const WIDTH = 24;
const ACROSS = { timeseries: 3, stat: 6, table: 2 };
const HEIGHT = { timeseries: 7, stat: 4, table: 8 };
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const GREEN = { color: 'green', value: null };

/**
 * @param {Panel['type']} type
 * @returns {(title: string, unit: string, queries: Query[], about?: string, redFrom?: number) => Panel}
 */
const form =
  (type) =>
  (title, unit, queries, about = '', redFrom) => ({
    title,
    type,
    unit,
    queries,
    about,
    steps: redFrom === undefined ? [] : [{ value: redFrom, color: 'red' }],
  });

export const graph = form('timeseries');
export const number = form('stat');
export const table = form('table');

/**
 * @param {object} dashboard
 * @param {string} dashboard.uid
 * @param {string} dashboard.title
 * @param {string} dashboard.refresh
 * @param {string} dashboard.from
 * @param {Record<string, Panel[]>} dashboard.rows panels by the title of their row
 */
export function renderDashboard({ uid, title, refresh, from, rows }) {
  let id = 0;
  let y = 0;
  const panels = Object.entries(rows).flatMap(([name, members]) => {
    const row = {
      id: (id += 1),
      type: 'row',
      title: name,
      collapsed: false,
      gridPos: { h: 1, w: WIDTH, x: 0, y },
      panels: [],
    };
    y += 1;
    let x = 0;
    let height = 0;
    const placed = members.map((panel) => {
      const [w, h] = [WIDTH / ACROSS[panel.type], HEIGHT[panel.type]];
      if (x + w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      const gridPos = { h, w, x, y };
      x += w;
      height = Math.max(height, h);
      return renderPanel(panel, (id += 1), gridPos);
    });
    y += height;
    return [row, ...placed];
  });
  return {
    uid,
    title,
    tags: ['caudal'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    timezone: 'browser',
    refresh,
    time: { from, to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {} },
      ],
    },
    annotations: {
      list: [
        {
          name: 'Alerts',
          enable: true,
          iconColor: 'red',
          datasource: DATASOURCE,
          expr: 'ALERTS{alertstate="firing",severity="critical"}',
          titleFormat: '{{alertname}}',
        },
      ],
    },
    links: [{ title: 'Caudal', type: 'dashboards', tags: ['caudal'], asDropdown: true, includeVars: true }],
    panels,
  };
}

/**
 * @param {Panel} panel
 * @param {number} id
 * @param {{ h: number, w: number, x: number, y: number }} gridPos
 */
function renderPanel({ title, type, unit, queries, about, steps }, id, gridPos) {
  const isTable = type === 'table';
  return {
    id,
    type,
    title,
    description: about,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps: [GREEN, ...steps] },
        ...(type === 'timeseries' && { min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }),
      },
      overrides: [],
    },
    options: optionsOf(type),
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      editorMode: 'code',
      expr,
      legendFormat,
      ...(type === 'timeseries' ? { range: true } : { instant: true }),
      ...(isTable && { format: 'table' }),
    })),
  };
}

/** @param {Panel['type']} type */
function optionsOf(type) {
  switch (type) {
    case 'timeseries':
      return {
        legend: { displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'multi', sort: 'desc' },
      };
    case 'stat':
      return { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' };
    case 'table':
      return { showHeader: true };
  }
}
