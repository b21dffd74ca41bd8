// The files of deployment/monitoring that are made and not written, by their path in the project.
import { stringify } from 'yaml';
import { renderDashboards } from './dashboards.mjs';
import { renderSloRules } from './slo-rules.mjs';

const HEADER = '# Made from slo.json by npm run monitoring:generate.\n';

/**
 * @param {import('./slo-rules.mjs').Slo} slo
 * @returns {Record<string, string>}
 */
export function monitoringFiles(slo) {
  const dashboards = Object.entries(renderDashboards(slo)).map(([name, dashboard]) => [
    `deployment/monitoring/dashboards/${name}.json`,
    JSON.stringify(dashboard),
  ]);
  return {
    .../** @type {Record<string, string>} */ (Object.fromEntries(dashboards)),
    'deployment/monitoring/rules/objectives.rules.yaml':
      HEADER + stringify(renderSloRules(slo), { lineWidth: 0 }),
  };
}
