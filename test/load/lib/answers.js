// @ts-check
// Counts answers the way the recording rules of Prometheus do, so that a run and an alert mean the same.
import { Rate } from 'k6/metrics';

const unavailable = new Rate('slo_unavailable');
const errors = new Rate('slo_errors');

const SHED = 503;

/**
 * @param {number} status 0 when there was no answer
 */
export function countAnswer(status) {
  const isBad = status === 0 || status >= 500;
  unavailable.add(isBad);
  errors.add(isBad && status !== SHED);
}
