import fc from 'fast-check';
import { describeDevice } from './session-device.js';

const networkOf = (address: string) => describeDevice(undefined, address).network;
const userAgentOf = (text: string) => describeDevice(text, '').userAgent;

describe('what a session remembers of its device', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:0DB8:0001::1', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['64:ff9b::203.0.113.77', '64:ff9b:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['', ''],
    ['unknown', ''],
    ['999.1.1.1', ''],
  ])('is the network of %p', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('is never an address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(networkOf(address)).toMatch(/^(\d+\.\d+\.\d+\.0\/24|([\da-f]{1,4}:){3}:\/48)$/);
      }),
    );
  });

  it('is the beginning of a user agent', () => {
    const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)';
    expect(userAgentOf(chrome)).toBe('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KH');
    expect(userAgentOf(' a \u0000\r\n\u202e b ')).toBe('a b');
    expect(userAgentOf('<script>alert("1")</script>')).toBe('scriptalert(1)/script');
  });

  it('is bounded printable ASCII, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        expect(userAgentOf(text)).toMatch(/^[\x20-\x7e]{0,64}$/);
      }),
    );
  });
});
