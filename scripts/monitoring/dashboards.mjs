// What is seen together, a dashboard a file. The expressions are those of the rules where there is one.
import { coreServices } from './dashboards/core-services.mjs';
import { dataStores } from './dashboards/data-stores.mjs';
import { flashSale } from './dashboards/flash-sale.mjs';
import { objectives } from './dashboards/objectives.mjs';
import { serviceOverview } from './dashboards/service-overview.mjs';

/**
 * @param {import('./slo-rules.mjs').Slo} slo
 * @returns {Record<string, ReturnType<typeof import('./dashboard-panels.mjs').renderDashboard>>} by file name
 */
export function renderDashboards(slo) {
  return {
    'service-overview': serviceOverview,
    'flash-sale': flashSale,
    'core-services': coreServices,
    'data-stores': dataStores,
    objectives: objectives(slo),
  };
}
