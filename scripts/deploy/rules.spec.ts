import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjects } from './manifests.mjs';
import { readBase } from './renderings.mjs';
import { checkSecretSources } from './rules.mjs';
import { scalers } from './rules/scaler-rules.mjs';
import { longestGapSeconds } from './rules/schedule-rules.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const BASE = [...readBase()].flatMap(([name, text]) => parseObjects(text, name));
const readOverlay = (path: string): string =>
  readFileSync(join(PROJECT, 'deployment/overlays', path), 'utf8');

describe('the rules of the overlays', () => {
  it('find a secret that the external store does not provide', () => {
    const text = readOverlay('external-secrets/external-secrets.yaml');
    expect(checkSecretSources(BASE, parseObjects(text, 'overlay'))).toEqual([]);
    const renamed = text.replaceAll('blind-index-key', 'blind-index');
    expect(checkSecretSources(BASE, parseObjects(renamed, 'overlay'))).toEqual([
      {
        rule: 'secret-sources',
        where: 'ExternalSecret',
        message: 'nothing provides caudal-keys/blind-index-key',
      },
    ]);
  });

  it('find a VPA that sizes what the autoscaler of the base scales by', () => {
    const text = readOverlay('vpa/vertical-pod-autoscaler.yaml');
    const found = (changed: string) =>
      scalers({ objects: [...BASE, ...parseObjects(changed, 'vpa')] }).map(({ where }) => where);
    expect(found(text)).toEqual([]);
    expect(found(text.replace("updateMode: 'Off'", 'updateMode: Recreate'))).toEqual([
      'VerticalPodAutoscaler/caudal-api',
    ]);
  });

  it('find two autoscalers when KEDA comes beside the one of the base', () => {
    const keda = parseObjects(readOverlay('keda/scaled-object.yaml'), 'keda');
    expect(scalers({ objects: [...BASE, ...keda] }).map(({ message }) => message)).toContain(
      'a second one scales Deployment/caudal-api',
    );
  });

  it.each<[schedule: string, seconds: number | null]>([
    ['17 2 * * *', 86_400],
    ['41 */6 * * *', 21_600],
    ['0,30 8-10 * * *', 22 * 3600 - 1800],
    // Monday to Friday: the weekend.
    ['5 4 * * 1-5', 3 * 86_400],
    // Either of the two, where both are said.
    ['5 4 1 * 1', 7 * 86_400],
    ['5 4 30 2 *', null],
    ['61 4 * * *', null],
    ['5 4 * *', null],
    ['@daily', null],
    ['5-1 4 * * *', null],
  ])('know how long %s lets pass', (schedule, seconds) => {
    expect(longestGapSeconds(schedule)).toBe(seconds);
  });
});
