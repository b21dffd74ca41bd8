import { mutationsOf } from '../support/api-routes.js';
import { BODY_LIMIT_BYTES, faultOf, useBadInputTrial } from '../support/bad-input-trial.js';
import { sendBytes, sendRaw } from '../support/raw-http.js';

/** The promise: whatever is sent to whichever route, the answer is a 4xx problem with a stable code. */
describe('bad input', () => {
  const trial = useBadInputTrial();

  it('is tried on every route of the document, each with a valid body to start from', async () => {
    expect(trial().routes.length).toBeGreaterThanOrEqual(31);
    expect(
      trial()
        .withBody()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(trial().validBodies).sort());
    expect(
      trial()
        .withParameter()
        .map(({ path }) => path)
        .filter((path) => !(path in trial().existing)),
    ).toEqual([]);
    for (const route of trial().withBody()) {
      const body = JSON.stringify(trial().validBodies[route.name]);
      const { status, text } = await sendRaw(trial().application.url, trial().request(route, { body }));
      // A card that is declined and a version that has moved on are answers to valid bodies.
      if (![200, 201, 402, 412].includes(status))
        trial().faults.push(`${route.name}: ${String(status)} ${text}`);
    }
  });

  it('of the wrong type, out of range or missing is named by its field', async () => {
    for (const route of trial().withBody()) {
      for (const { pointer, value, body } of mutationsOf(
        route.bodySchema ?? {},
        trial().validBodies[route.name],
      )) {
        await trial().expectRefusal(
          `${pointer} = ${JSON.stringify(value)}`,
          trial().request(route, { body: JSON.stringify(body) }),
          'VALIDATION_FAILED',
        );
      }
    }
  });

  it.each(['-1', '0', '0.5', '1e9', '9007199254740993', '1e308', '"1"', 'null', 'true', '[]', '[1]', '{}'])(
    'in place of a quantity, %s, is refused',
    async (quantity) => {
      const { lines, ...order } = trial().validBodies['POST /api/v1/orders'] as {
        lines: [{ variantId: string }];
      };
      const { variantId } = lines[0];
      const bodies = {
        'POST /api/v1/orders': `{"lines":[{"variantId":"${variantId}","quantity":${quantity}}],${JSON.stringify(order).slice(1)}`,
        'POST /api/v1/cart/lines': `{"variantId":"${variantId}","quantity":${quantity}}`,
        'PATCH /api/v1/cart/lines/{id}': `{"quantity":${quantity}}`,
      };
      for (const route of trial().routes) {
        const body = (bodies as Record<string, string>)[route.name];
        if (body !== undefined)
          await trial().expectRefusal(quantity, trial().request(route, { body }), 'VALIDATION_FAILED');
      }
    },
  );

  it('with a field that nobody knows is refused, also inside of a field', async () => {
    for (const route of trial().withBody()) {
      const valid = trial().validBodies[route.name] as Record<string, unknown>;
      await trial().expectRefusal(
        'unknown field',
        trial().request(route, { body: JSON.stringify({ ...valid, surprise: 1 }) }),
        'VALIDATION_FAILED',
      );
      for (const [name, value] of Object.entries(valid)) {
        if (name === 'options') continue;
        const inside = Array.isArray(value)
          ? [{ ...value[0], surprise: 1 }]
          : { ...(value as object), surprise: 1 };
        await trial().expectRefusal(
          `unknown field in ${name}`,
          trial().request(route, { body: JSON.stringify({ ...valid, [name]: inside }) }),
          'VALIDATION_FAILED',
        );
      }
    }
  });

  it('that is not the JSON of an object is refused', async () => {
    const deep = (open: string, close: string) => open.repeat(5000) + close.repeat(5000);
    const bodies: [string, string | Buffer][] = [
      ...[
        '{',
        '[1,]',
        '{"a":1',
        "{'a':1}",
        'nul',
        '{"a":NaN}',
        '{"a":01}',
        '{}{}',
        '\u0000',
        '{"a":"\u0000"}',
        '{"a":"\n"}',
      ].map((text): [string, string] => [text, text]),
      ...['null', '1', 'true', '"text"', '[]', '[{}]', '[[]]'].map((text): [string, string] => [text, text]),
      ['an escaped NUL', '{"a":"\\u0000"}'],
      ['half of a surrogate pair', '{"a":"\\ud83d"}'],
      ['the other half', '{"a":"\\ude00 x"}'],
      ['halves in the wrong order', '{"a":"\\ude00\\ud83d"}'],
      ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
      ['__proto__', '{"__proto__":{"isAdmin":true}}'],
      ['an escaped __proto__', '{"\\u005f_proto__":{"isAdmin":true}}'],
      ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
      ['deep arrays', deep('[', ']')],
      ['deep objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    ];
    for (const route of trial().withBody()) {
      for (const [what, body] of bodies) await trial().expectRefusal(what, trial().request(route, { body }));
      for (const name of Object.keys(route.bodySchema?.properties ?? {})) {
        const nested = [deep('[', ']'), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, '{"__proto__":{}}'];
        for (const value of nested) {
          await trial().expectRefusal(
            `${value.slice(0, 20)} in ${name}`,
            trial().request(route, { body: `{"${name}":${value}}` }),
          );
        }
      }
    }
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('without a body is refused where fields are required', async () => {
    for (const route of trial().withBody()) {
      if ((route.bodySchema?.required ?? []).length === 0) continue;
      await trial().expectRefusal('no body', trial().request(route), 'VALIDATION_FAILED');
      await trial().expectRefusal('empty body', trial().request(route, { body: '' }), 'VALIDATION_FAILED');
      await trial().expectRefusal(
        'empty object',
        trial().request(route, { body: '{}' }),
        'VALIDATION_FAILED',
      );
    }
  });

  it('in another media type is refused', async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'text',
      '',
      '\u00ff',
    ];
    for (const route of trial().routes.filter(({ takesBody }) => takesBody)) {
      for (const type of types)
        await trial().expectRefusal(
          `type ${type}`,
          trial().request(route, { type, body: '{"a":1}' }),
          'MEDIA_TYPE_UNSUPPORTED',
        );
    }
  });

  it('beyond the size limit is refused, announced or not', async () => {
    for (const route of trial().routes.filter(({ takesBody }) => takesBody)) {
      const body = `{"a":"${'x'.repeat(BODY_LIMIT_BYTES)}"}`;
      await trial().expectRefusal('huge body', trial().request(route, { body }), 'PAYLOAD_TOO_LARGE');
      const { path, headers = [] } = trial().request(route, {
        headers: { 'Content-Type': 'application/json' },
      });
      const head = [
        `${route.method} ${path} HTTP/1.1`,
        'Host: shop.example',
        'Connection: close',
        'Transfer-Encoding: chunked',
      ];
      const lines = [...head, ...headers.map(([name, value]) => `${name}: ${value}`)];
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      const answer = await sendBytes(
        trial().application.url,
        Buffer.from(`${lines.join('\r\n')}\r\n\r\n${chunk}`),
      );
      const fault = faultOf(answer, 'PAYLOAD_TOO_LARGE');
      if (fault !== null) trial().faults.push(`${route.name}, huge body in a chunk: ${fault}`);
    }
  });
});
