// @ts-check
/* global open */
// The objectives of the service, from the file that the alerts are made of as well. Init phase only.

/** @type {import('./thresholds.js').Objectives} */
export const OBJECTIVES = JSON.parse(open(import.meta.resolve('../../../deployment/monitoring/slo.json')));
