import { ShortCuts } from './short-cut.js';

class Controller {
  readonly name = 'x';
  list(): void {
    /* answers the route inside Nest */
  }
}

describe('short cuts', () => {
  const source = { plan: () => null, answer: () => undefined };

  it('are found by their name, with the method that answers the route inside Nest', () => {
    const shortCuts = new ShortCuts();
    shortCuts.register('list', Controller, 'list', source);
    expect(shortCuts.find('list')).toMatchObject({
      controller: Controller,
      method: Controller.prototype.list,
    });
    expect(shortCuts.find('other')).toBeUndefined();
  });

  it('cannot be registered twice, nor for what is no method', () => {
    const shortCuts = new ShortCuts();
    shortCuts.register('list', Controller, 'list', source);
    expect(() => {
      shortCuts.register('list', Controller, 'list', source);
    }).toThrow('twice');
    expect(() => {
      shortCuts.register('name', Controller, 'name', source);
    }).toThrow('no method');
  });
});
