/** The form of a job: a field for each parameter by its contract, and one for each input. */

import * as React from 'react';

import type { JobInput, JobParameter, Scalar } from '../../api/schema';
import { scalar } from '../../model/format';
import { Breakable } from '../parts';
import { useText } from '../text';

export type Given = Record<string, Scalar | Scalar[]>;

const INPUT_TYPE: Record<JobParameter['type'], string> = {
  integer: 'number',
  number: 'number',
  string: 'text',
  boolean: 'checkbox',
  date: 'date',
  datetime: 'text',
  decimal: 'text',
  path: 'text',
  array: 'text',
  secret: 'text'
};

/** What a parameter may be, where its contract lists it; null where it does not. */
export function choicesOf(parameter: JobParameter): string[] | null {
  const choices = parameter.schema?.enum;
  return Array.isArray(choices) ? choices.map(choice => scalar(choice as Scalar)) : null;
}

/** The end of a number's or a date's range, as an input takes it. */
function bound(parameter: JobParameter, ...words: string[]): string | undefined {
  const found = words.map(word => parameter.schema?.[word]).find(value => value !== undefined);
  return typeof found === 'number' || typeof found === 'string' ? String(found) : undefined;
}

const least = (parameter: JobParameter): string | undefined => bound(parameter, 'minimum', 'formatMinimum');
const most = (parameter: JobParameter): string | undefined => bound(parameter, 'maximum', 'formatMaximum');

/** `1 … 500`, `from 1`, `to 500`; "" where there is no range. */
export function rangeOf(parameter: JobParameter): string {
  const [low, high] = [least(parameter), most(parameter)];
  return low !== undefined && high !== undefined ? `${low} … ${high}` : low !== undefined ? `≥ ${low}` : high !== undefined ? `≤ ${high}` : '';
}

/** What was typed, as the parameter's type; text that is no such value goes to the server, which names what is wrong. */
export function typed(parameter: JobParameter, text: string): Scalar | Scalar[] {
  if (parameter.type === 'integer' || parameter.type === 'number') {
    const value = Number(text);
    return text.trim() === '' || Number.isNaN(value) ? text : value;
  }
  if (parameter.type === 'boolean') {
    return text === 'true';
  }
  if (parameter.type === 'array') {
    try {
      return JSON.parse(text) as Scalar | Scalar[];
    } catch {
      return text;
    }
  }
  return text;
}

export function asText(parameter: JobParameter): string {
  const value = parameter.default;
  if (parameter.type === 'array' || typeof value === 'boolean') {
    return JSON.stringify(value);
  }
  return value === null ? '' : scalar(value);
}

interface FieldProps {
  parameter: JobParameter;
  value: string;
  onChange: (value: string) => void;
}

/** What helps to fill it in: the help text and the range. */
function helpOf(parameter: JobParameter): string {
  return [parameter.description ?? '', rangeOf(parameter)].filter(part => part !== '').join(' · ');
}

export function ParameterField({ parameter, value, onChange }: FieldProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const flag = parameter.type === 'boolean';
  const choices = choicesOf(parameter);
  const changed = value !== asText(parameter);
  const help = helpOf(parameter);
  return (
    <div className="jp-mlops-field" data-changed={changed} data-flag={flag}>
      <label htmlFor={id}><code><Breakable text={parameter.name} /></code></label>
      {flag ? (
        <input id={id} type="checkbox" checked={value === 'true'} onChange={event => onChange(String(event.target.checked))} />
      ) : choices !== null ? (
        <select id={id} className="jp-mlops-select jp-mlops-input" value={value} onChange={event => onChange(event.target.value)}>
          {choices.map(choice => <option key={choice} value={choice}>{choice}</option>)}
        </select>
      ) : (
        <input
          id={id}
          className="jp-mod-styled jp-mlops-input"
          type={INPUT_TYPE[parameter.type]}
          step={parameter.type === 'number' ? 'any' : undefined}
          min={least(parameter)}
          max={most(parameter)}
          placeholder={parameter.type === 'secret' ? text.__('env:NAME, keyring:SERVICE/USER or file:PATH') : undefined}
          aria-describedby={help === '' ? undefined : `${id}-help`}
          spellCheck={false}
          value={value}
          onChange={event => onChange(event.target.value)}
        />
      )}
      {help !== '' && <p id={`${id}-help`} className="jp-mlops-help">{help}</p>}
    </div>
  );
}

/** A line of text beside its name. */
export function TextField({ label, value, placeholder, help, type = 'text', onChange }: {
  label: React.ReactNode;
  value: string;
  placeholder?: string;
  help?: string;
  type?: string;
  onChange: (value: string) => void;
}): React.JSX.Element {
  const id = React.useId();
  return (
    <div className="jp-mlops-field">
      <label htmlFor={id}>{label}</label>
      <input id={id} className="jp-mod-styled jp-mlops-input" type={type} spellCheck={false} placeholder={placeholder} value={value} onChange={event => onChange(event.target.value)} />
      {help !== undefined && help !== '' && <p className="jp-mlops-help">{help}</p>}
    </div>
  );
}

export function InputField({ input, value, onChange }: { input: JobInput; value: string; onChange: (value: string) => void }): React.JSX.Element {
  return <TextField label={<code><Breakable text={input.name} /></code>} placeholder={input.path} value={value} onChange={onChange} />;
}

export interface Values {
  value(parameter: JobParameter): string;
  set(name: string, value: string): void;
  /** Those that are not the defaults, as their types. */
  given(): Given;
}

export function useValues(parameters: readonly JobParameter[]): Values {
  const [values, setValues] = React.useState<Record<string, string>>({});
  const value = (parameter: JobParameter): string => values[parameter.name] ?? asText(parameter);
  return {
    value,
    set: (name, text) => setValues(before => ({ ...before, [name]: text })),
    given: () => Object.fromEntries(parameters.filter(p => value(p) !== asText(p)).map(p => [p.name, typed(p, value(p))]))
  };
}
