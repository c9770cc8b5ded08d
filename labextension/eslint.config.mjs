import js from '@eslint/js';
import a11y from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** The floors of the panel: models know no React, views know no fetch and no JupyterLab services. */
const viewsKnowNoServer = {
  patterns: [{ group: ['@jupyterlab/services', '@jupyterlab/notebook', '**/api/client'], message: 'A view gets what it shows from the model.' }]
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
  {
    files: ['src/*.ts', 'src/api/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [{ name: 'react', message: 'Only views know React.' }] }] }
  },
  // Lumino's `connect(method, this)` binds by its second argument.
  { files: ['src/model.ts', 'src/notebook.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  // Generated.
  { files: ['src/api/schema.ts'], rules: { 'max-lines': 'off' } },
  { files: ['src/__tests__/**'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['*.mjs'], ...tseslint.configs.disableTypeChecked }
);
