import { ResponseParser } from './response-parser.mjs';

const TWO_ANSWERS = Buffer.from(
  'HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello' +
    'HTTP/1.1 409 Conflict\r\nx: y\r\ncontent-length:0\r\n\r\n',
);

function statusesOf(chunks: Buffer[]): number[] {
  const statuses: number[] = [];
  const parser = new ResponseParser((status) => statuses.push(status));
  for (const chunk of chunks) parser.push(chunk);
  return statuses;
}

describe('ResponseParser', () => {
  it('reports each answer of a chunk', () => {
    expect(statusesOf([TWO_ANSWERS])).toEqual([201, 409]);
  });

  it('reports the same answers wherever the network cuts them', () => {
    for (let cut = 1; cut < TWO_ANSWERS.length; cut += 1) {
      expect(statusesOf([TWO_ANSWERS.subarray(0, cut), TWO_ANSWERS.subarray(cut)])).toEqual([201, 409]);
    }
  });

  it('does not report an answer whose body is not all there', () => {
    expect(statusesOf([TWO_ANSWERS.subarray(0, 42)])).toEqual([]);
  });

  it('takes an answer without a body for whole', () => {
    expect(statusesOf([Buffer.from('HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n')])).toEqual([304]);
  });

  it('refuses to guess the length of a body', () => {
    expect(() => statusesOf([Buffer.from('HTTP/1.1 200 OK\r\n\r\n')])).toThrow('Content-Length');
  });
});
