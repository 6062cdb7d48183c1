import { InsertForm } from './insert-form';

describe('the form of an insert', () => {
  it('is cheap until a row was there, then careful for a while, then cheap again', () => {
    const form = new InsertForm();
    expect([form.next(), form.next()]).toEqual(['cheap', 'cheap']);
    form.metRow();
    const forms = Array.from({ length: 64 }, () => form.next());
    expect(new Set(forms)).toEqual(new Set(['careful']));
    expect(form.next()).toBe('cheap');
  });

  it('stays careful while rows are met', () => {
    const form = new InsertForm();
    form.metRow();
    for (let n = 0; n < 63; n += 1) form.next();
    form.metRow();
    const forms = Array.from({ length: 64 }, () => form.next());
    expect(forms).not.toContain('cheap');
  });
});
