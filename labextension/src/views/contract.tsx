/** The contract of a job to be: which literals become parameters, and what is said of each. */

import * as React from 'react';

import type { Preview } from '../api/answers';
import type { JobParameter, Terms } from '../api/schema';
import { scalar } from '../model/format';
import { Icon } from './icons';
import { choicesOf, rangeOf, TextField } from './jobs/fields';
import { Breakable, Chip } from './parts';
import { useText } from './text';

export type Said = Readonly<Record<string, Terms>>;

const TYPES: readonly JobParameter['type'][] = ['integer', 'number', 'string', 'boolean', 'date', 'datetime', 'decimal', 'path'];
const RANGED: ReadonlySet<string> = new Set(['integer', 'number', 'array', 'date', 'datetime', 'decimal']);

/** Only what was said: a term that is empty says nothing. */
export function termsOf(said: Said, kept: readonly string[]): Record<string, Terms> {
  const full = Object.entries(said).filter(([name]) => kept.includes(name)).map(([name, terms]) => {
    const given = Object.entries(terms).filter(([, value]) => typeof value === 'string' && value.trim() !== '');
    return [name, Object.fromEntries(given)] as const;
  });
  return Object.fromEntries(full.filter(([, terms]) => Object.keys(terms).length > 0));
}

/** The name that a parameter has in the cells: `said` is by that, the preview has the new one. */
export function nameInCells(parameter: JobParameter, said: Said): string {
  return Object.entries(said).find(([, terms]) => (terms.rename ?? '') === parameter.name)?.[0] ?? parameter.name;
}

interface TermsProps {
  parameter: JobParameter;
  terms: Terms;
  onSay: (terms: Terms) => void;
}

function TermFields({ parameter, terms, onSay }: TermsProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const secret = (terms.secret ?? '') !== '' || parameter.type === 'secret';
  return (
    <div className="jp-mlops-fields jp-mlops-terms-fields">
      <TextField label={text.__('Name')} placeholder={parameter.name} value={terms.rename ?? ''} onChange={rename => onSay({ ...terms, rename })} />
      <TextField label={text.__('Help')} placeholder={text.__('what it is for')} value={terms.help ?? ''} onChange={help => onSay({ ...terms, help })} />
      {!secret && parameter.type !== 'array' && (
        <div className="jp-mlops-field">
          <label htmlFor={id}>{text.__('Type')}</label>
          <select id={id} className="jp-mlops-select jp-mlops-input" value={terms.type ?? ''} onChange={event => onSay({ ...terms, type: event.target.value })}>
            <option value="">{text.__('%1 (as it is)', parameter.type)}</option>
            {TYPES.filter(type => type !== parameter.type).map(type => <option key={type} value={type}>{type}</option>)}
          </select>
        </div>
      )}
      {!secret && RANGED.has((terms.type ?? '') || parameter.type) && (
        <TextField label={text.__('Range')} placeholder={rangeOf(parameter) || '1..500'} value={terms.range ?? ''} onChange={range => onSay({ ...terms, range })} />
      )}
      {!secret && <TextField label={text.__('Choices')} placeholder={choicesOf(parameter)?.join(',') ?? text.__('a, b, c')} value={terms.choices ?? ''} onChange={choices => onSay({ ...terms, choices })} />}
      <TextField label={text.__('Secret')} placeholder={text.__('env:API_KEY')} help={text.__('Where to find it; the value itself is then nowhere in the job.')} value={terms.secret ?? ''} onChange={where => onSay({ ...terms, secret: where })} />
    </div>
  );
}

interface RowProps extends TermsProps {
  /** As the cells have it. */
  name: string;
  kept: boolean;
  onToggle: () => void;
}

function Row({ parameter, name, terms, kept, onToggle, onSay }: RowProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const [open, setOpen] = React.useState(false);
  return (
    <div className="jp-mlops-parameter">
      <div className="jp-mlops-parameter-line">
        <label className="jp-mlops-keep">
          <input type="checkbox" checked={kept} onChange={onToggle} aria-label={text.__('Keep the parameter %1', parameter.name)} />
          <code title={parameter.description ?? parameter.name}><Breakable text={parameter.name} /></code>
          {parameter.varied === true && <Chip tone="plain" title={text.__('Differed between the recorded runs')}>{text.__('varied')}</Chip>}
          <span className="jp-mlops-keep-type">{parameter.type}</span>
          <code className="jp-mlops-figure">{scalar(parameter.default)}</code>
        </label>
        <button type="button" className="jp-mlops-icon-button" aria-expanded={open} aria-controls={id} aria-label={text.__('Contract of %1', parameter.name)} disabled={!kept} onClick={() => setOpen(!open)}>
          <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        </button>
      </div>
      <div id={id} hidden={!open || !kept}>{open && kept && <TermFields key={name} parameter={parameter} terms={terms} onSay={onSay} />}</div>
    </div>
  );
}

interface KeepProps {
  preview: Preview;
  left: ReadonlySet<string>;
  said: Said;
  onToggle: (name: string) => void;
  onSay: (name: string, terms: Terms) => void;
}

/** Which literals become parameters, each with its contract. */
export function KeepParameters({ preview, left, said, onToggle, onSay }: KeepProps): React.JSX.Element {
  const text = useText();
  return (
    <fieldset className="jp-mlops-block jp-mlops-fieldset" data-testid="mlops-parameters-form">
      <legend className="jp-mlops-label">{text.__('Parameters')}</legend>
      {preview.parameters.length === 0 && <p className="jp-mlops-muted">{text.__('No literal of these cells can become a parameter.')}</p>}
      {preview.parameters.map(parameter => {
        const name = nameInCells(parameter, said);
        return <Row key={name} parameter={parameter} name={name} kept={!left.has(name)} terms={said[name] ?? {}} onToggle={() => onToggle(name)} onSay={terms => onSay(name, terms)} />;
      })}
    </fieldset>
  );
}
