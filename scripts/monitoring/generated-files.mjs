// The files of deployment that are made and not written, by their path in the project: rules and dashboards from
// slo.json, and what the overlay `monitoring` gives to a cluster from all rules and dashboards.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { renderDashboards } from './dashboards.mjs';
import { renderSloRules } from './slo-rules.mjs';

const HEADER = '# Made from slo.json by npm run monitoring:generate.\n';
const OBJECTIVES = 'objectives.rules.yaml';
const PLAIN = { lineWidth: 0 };

/**
 * @typedef {Record<string, string>} WrittenRules the text of the rule files that people write, by file name
 */

/**
 * @param {string} project its folder
 * @returns {WrittenRules}
 */
export function readWrittenRules(project) {
  const folder = join(project, 'deployment/monitoring/rules');
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.rules.yaml') && name !== OBJECTIVES)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

/**
 * @param {import('./slo-rules.mjs').Slo} slo
 * @param {WrittenRules} written
 * @returns {Record<string, string>}
 */
export function monitoringFiles(slo, written) {
  const dashboards = renderDashboards(slo);
  const objectives = HEADER + stringify(renderSloRules(slo), PLAIN);
  return {
    ...Object.fromEntries(
      Object.entries(dashboards).map(([name, dashboard]) => [
        `deployment/monitoring/dashboards/${name}.json`,
        JSON.stringify(dashboard),
      ]),
    ),
    [`deployment/monitoring/rules/${OBJECTIVES}`]: objectives,
    'deployment/monitoring/kustomization.yaml': dashboardMaps(Object.keys(dashboards)),
    'deployment/overlays/monitoring/prometheus-rules.yaml': prometheusRules({
      ...written,
      [OBJECTIVES]: objectives,
    }),
  };
}

/** A ConfigMap for each dashboard, which is made of its file when the overlay is rendered. */
function dashboardMaps(/** @type {string[]} */ names) {
  return (
    '# Made by npm run monitoring:generate: kustomize reads no file outside of its folder, so this one is here and\n' +
    '# overlays/monitoring names it. The label is what the sidecar of Grafana’s chart looks for.\n' +
    stringify(
      {
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        namespace: 'monitoring',
        generatorOptions: {
          disableNameSuffixHash: true,
          labels: { 'app.kubernetes.io/part-of': 'caudal', grafana_dashboard: '1' },
          annotations: { grafana_folder: 'Caudal' },
        },
        configMapGenerator: names
          .toSorted()
          .map((name) => ({ name: `caudal-dashboard-${name}`, files: [`dashboards/${name}.json`] })),
      },
      PLAIN,
    )
  );
}

/** A PrometheusRule for each file of rules. */
function prometheusRules(/** @type {WrittenRules} */ files) {
  const objects = Object.entries(files)
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([file, text]) => {
      /** @type {unknown} */
      const parsed = parse(text);
      const { groups } = /** @type {{ groups: unknown[] }} */ (parsed);
      return {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'PrometheusRule',
        metadata: {
          name: `caudal-${file.replace('.rules.yaml', '')}`,
          namespace: 'caudal',
          labels: { 'app.kubernetes.io/name': 'caudal' },
        },
        spec: { groups },
      };
    });
  return (
    '# Made from deployment/monitoring/rules by npm run monitoring:generate; change it there. A Prometheus whose\n' +
    '# ruleSelector wants another label gets it by a patch.\n' +
    objects.map((object) => stringify(object, { ...PLAIN, aliasDuplicateObjects: false })).join('---\n')
  );
}
