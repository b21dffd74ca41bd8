import { scrubText } from './scrub-text.js';

describe('a text that leaves the cluster', () => {
  it.each([
    ['Key (email)=(ada.byron+1@mail.example.com) already exists', 'ada.byron'],
    ['connect postgres://caudal:s3cret@db.internal:5432/shop', 's3cret'],
    ['cannot verify eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', 'eyJ'],
    ['header Authorization: Bearer abc.def-ghi', 'abc.def-ghi'],
    ['header Cookie: refresh=0123456789', '0123456789'],
    ['{"password":"correct horse"}', 'correct horse'],
    ["password='correct horse'", 'correct horse'],
    ['session 4f6a0c1d2e3b4a5968778695a4b3c2d1e0f9aAbBcC- is gone', '4f6a0c'],
    ['card 4242 4242 4242 4242 was declined', '4242'],
  ])('has nothing private: %s', (text, secret) => {
    expect(text).toContain(secret);
    expect(scrubText(text)).not.toContain(secret);
  });

  it.each([
    'relation "outbox_batches" does not exist',
    "Cannot read properties of undefined (reading 'id')",
    'order 01890a5d-ac96-774b-bcce-b302099a8057 has 3 lines',
    'connect ECONNREFUSED 127.0.0.1:5432',
  ])('is left as it is: %s', (text) => {
    expect(scrubText(text)).toBe(text);
  });

  it('is short', () => {
    expect(scrubText('word '.repeat(100_000))).toHaveLength(1000);
  });
});
