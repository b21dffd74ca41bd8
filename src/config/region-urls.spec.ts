import { parseRegionUrls } from './region-urls.js';

describe('the URLs of other regions', () => {
  it('are read by region, with several hosts each', () => {
    expect([
      ...parseRegionUrls('eu=redis://:p%2Cx=@a:1, us=redis+sentinel://b:2,c:3/m,ap=redis+cluster://d:4,e:5'),
    ]).toEqual([
      ['eu', 'redis://:p%2Cx=@a:1'],
      ['us', 'redis+sentinel://b:2,c:3/m'],
      ['ap', 'redis+cluster://d:4,e:5'],
    ]);
  });

  it('are none when the setting is empty', () => {
    expect(parseRegionUrls('').size).toBe(0);
  });

  it.each(['redis://:secret@host:1', 'EU=redis://host', '=redis://host', 'eu=redis://a,eu=redis://b'])(
    'are not %p, and no password is repeated',
    (text) => {
      expect(() => parseRegionUrls(text)).toThrow(/^(?!.*secret)(expected name=url|the region "eu")/);
    },
  );
});
