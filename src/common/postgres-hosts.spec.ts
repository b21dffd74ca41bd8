import { expandPostgresHosts } from './postgres-hosts.js';

describe('the hosts of a PostgreSQL URL', () => {
  it.each([
    ['postgres://localhost/shop', ['postgres://localhost/shop']],
    [
      'postgresql://u:p%40w@a:5432,b:5433/shop?sslmode=require',
      [
        'postgresql://u:p%40w@a:5432/shop?sslmode=require',
        'postgresql://u:p%40w@b:5433/shop?sslmode=require',
      ],
    ],
    ['postgres://[::1]:5432,db/shop', ['postgres://[::1]:5432/shop', 'postgres://db/shop']],
    ['redis://a,b', ['redis://a,b']],
  ])('of %s', (url, expanded) => {
    expect(expandPostgresHosts(url)).toEqual(expanded);
  });
});
