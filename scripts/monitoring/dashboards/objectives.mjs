// The objectives of slo.json: what is good, what is left of the budget, how fast it is spent.
import { graph, number, renderDashboard, table } from '../dashboard-panels.mjs';

/** @param {import('../slo-rules.mjs').Slo} slo */
export const objectives = (slo) =>
  renderDashboard({
    uid: 'caudal-objectives',
    title: 'Caudal: objectives',
    refresh: '1m',
    from: 'now-7d',
    rows: objectiveRows(slo),
  });

/** @param {import('../slo-rules.mjs').Slo} slo */
function objectiveRows({ objectives, periodDays, throughput }) {
  /** @type {Record<string, import('../dashboard-panels.mjs').Panel[]>} */
  const rows = {};
  for (const [name, { target, bad }] of Object.entries(objectives)) {
    const percent = String(Number((target * 100).toPrecision(6)));
    const budget = String(Number((1 - target).toPrecision(6)));
    const ofPeriod = `service:${name}_bad:ratio${String(periodDays)}d`;
    rows[`${name}: at least ${percent} %`] = [
      number('Good over the period', 'percentunit', [[`1 - ${ofPeriod}`, '']], `Bad are ${bad}.`),
      number('Budget left', 'percentunit', [[`1 - ${ofPeriod} / ${budget}`, '']]),
      graph(
        'Burn rate',
        'short',
        ['1h', '6h', '3d'].map((window) => [`service:${name}_bad:ratio${window} / ${budget}`, window]),
        '1 spends the budget exactly within the period',
      ),
    ];
  }
  rows['throughput'] = [
    graph('Answered a minute', 'short', [
      ['(service:requests:rate5m - service:availability_bad:rate5m) * 60', 'answered'],
      [`vector(${String(throughput.requestsPerMinute)})`, 'promised to be possible'],
    ]),
    graph('Shed', 'reqps', [['service:shed:rate5m', 'shed']]),
    table('Alerts', 'short', [
      [
        'ALERTS{alertstate="firing"} or label_replace(vector(0), "alertname", "none", "", "")',
        '{{alertname}}',
      ],
    ]),
  ];
  return rows;
}
