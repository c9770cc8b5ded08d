/** The words of the panel in the user's language: every text that a person reads goes through `useText().__`. */

import * as React from 'react';

/** JupyterLab's `TranslationBundle`, as much of it as views use. `_n`: `%1` is the number itself. */
export interface Text {
  __(text: string, ...values: (string | number)[]): string;
  _n(one: string, many: string, n: number, ...values: (string | number)[]): string;
}

function filled(text: string, values: readonly (string | number)[]): string {
  return text.replace(/%(\d+)/g, (whole, place: string) => (Number(place) <= values.length ? String(values[Number(place) - 1]) : whole));
}

/** English, as it stands in the code; `%1` is the first of the values. */
export const ENGLISH: Text = {
  __: (text, ...values) => filled(text, values),
  _n: (one, many, n, ...values) => filled(n === 1 ? one : many, [n, ...values])
};

const TextContext = React.createContext<Text>(ENGLISH);
export const TextProvider = TextContext.Provider;

/** `const text = useText(); text.__('%1 of %2 cells', kept, all)` */
export function useText(): Text {
  return React.useContext(TextContext);
}
