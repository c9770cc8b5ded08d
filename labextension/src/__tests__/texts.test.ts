/** The rule of eslint that keeps every text of a view translatable. */

import { Linter } from 'eslint';
import { describe, expect, it } from 'vitest';

import { ENGLISH } from '../views/text';
import { verdictWord } from '../views/words';

const HOME = '../../eslint-texts.mjs';

async function faults(code: string): Promise<string[]> {
  const { default: texts } = (await import(HOME)) as { default: NonNullable<Linter.Config['plugins']>[string] };
  const languageOptions = { parserOptions: { ecmaFeatures: { jsx: true } } };
  return new Linter().verify(code, { plugins: { texts }, rules: { 'texts/translated': 'error' }, languageOptions }).map(one => one.message);
}

describe('a text that a person reads', () => {
  it.each([
    'x = <p>Looking for it</p>',
    'x = <p>{done ? "All done" : null}</p>',
    'x = <p>{`${n} runs`}</p>',
    'x = <button aria-label="Close" />',
    'x = <Section title={open ? `Open ${n}` : name} />',
    'const words = () => "nothing was found"',
    'x = text.__(word)',
    'x = text._n("one", `${n} runs`, n)'
  ])('goes through the translator: %s', async code => {
    expect(await faults(code)).not.toEqual([]);
  });

  it.each([
    'x = <p>{text.__("Looking for it")}</p>',
    'x = <code>import mlops_jupyter as mlops</code>',
    'x = <p className="jp-mlops-note jp-mlops-mod-warn" data-testid="a b">{count} · {name}</p>',
    'x = <h1>MLOps</h1>',
    'x = verdict === "within tolerance"',
    'x = { "within tolerance": text.__("within tolerance") }',
    'throw new Error("A view stands outside its panel")'
  ])('is told from what is none: %s', async code => {
    expect(await faults(code)).toEqual([]);
  });

  it('has words for the keys that are known, and shows any other key', () => {
    const german = { ...ENGLISH, __: (words: string) => (words === 'input gone' ? 'Eingabe fehlt' : words) };
    expect(verdictWord(german, 'input gone')).toBe('Eingabe fehlt');
    expect(verdictWord(german, 'a new verdict')).toBe('a new verdict');
  });
});
