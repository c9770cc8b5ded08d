import js from '@eslint/js';
import a11y from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

import texts from './eslint-texts.mjs';

/** The floors of the panel, `tokens → api → model → views (the panel) → plugins`: each knows those before it, and no other. */
const NO_REACT = { name: 'react', message: 'Only views know React.' };
const below = (...above) => above.map(floor => ({ group: [`**/${floor}`, `**/${floor}/*`], message: 'That is a floor above.' }));
const FLOORS = [
  { files: ['src/api/*.ts'], paths: [NO_REACT], patterns: below('model', 'views', 'plugins') },
  { files: ['src/model/*.ts', 'src/tokens.ts'], paths: [NO_REACT], patterns: below('views', 'plugins') },
  { files: ['src/plugins/*.ts'], paths: [NO_REACT], patterns: [] }
];
const viewsKnowNoServer = {
  patterns: [
    ...below('plugins'),
    { group: ['@jupyterlab/services', '@jupyterlab/notebook', '**/api/client'], message: 'A view gets what it shows from the model.' }
  ]
};

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', '../mlops_jupyter/labextension/', 'style/index.js'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      // Counts and seconds in template strings are what this panel is made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `onClick={() => save()}` reads better than a block around it.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }]
    }
  },
  {
    files: ['src/views/**/*.tsx'],
    ...a11y.flatConfigs.strict,
    rules: {
      ...a11y.flatConfigs.strict.rules,
      'no-restricted-imports': ['error', viewsKnowNoServer],
      'no-restricted-globals': ['error', 'fetch', 'document', 'localStorage']
    }
  },
  // Each text that a person reads can be translated: views say it, models give what it is about.
  { files: ['src/views/**', 'src/model/*.ts', 'src/plugins/*.ts'], plugins: { texts }, rules: { 'texts/translated': 'error' } },
  // Holds Python.
  { files: ['src/model/kernel.ts'], rules: { 'texts/translated': 'off' } },
  ...FLOORS.map(({ files, paths, patterns }) => ({ files, rules: { 'no-restricted-imports': ['error', { paths, patterns }] } })),
  // Lumino's `connect(method, this)` binds by its second argument.
  { files: ['src/model/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  // Generated.
  { files: ['src/api/schema.ts'], rules: { 'max-lines': 'off' } },
  { files: ['src/__tests__/**'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['*.mjs'], ...tseslint.configs.disableTypeChecked }
);
