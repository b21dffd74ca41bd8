import { createHash, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { createAccessTokenSigner } from './access-token-signer.mjs';

describe('createAccessTokenSigner', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const sign = createAccessTokenSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

  it('signs a token that the server’s own library accepts, with a bounded lifetime', async () => {
    const token = await sign({ userId: '018f2c5e-0000-7000-8000-000000000001', role: 'customer' }, 60);

    const claims = jwt.verify(token, publicKey.export({ type: 'spki', format: 'pem' }), {
      algorithms: ['RS256'],
      issuer: 'caudal',
      audience: 'caudal-api',
    });

    expect(claims).toMatchObject({ sub: '018f2c5e-0000-7000-8000-000000000001', role: 'customer' });
    if (typeof claims === 'string') throw new Error('not a JWT');
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60);
  });

  it('names its key by the RFC 7638 thumbprint', async () => {
    const token = await sign({ userId: 'x', role: 'admin' }, 60);
    const { e, kty, n } = publicKey.export({ format: 'jwk' });

    expect(jwt.decode(token, { complete: true })?.header.kid).toBe(
      createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url'),
    );
  });
});
