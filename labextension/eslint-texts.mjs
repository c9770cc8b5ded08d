/**
 * A rule of this project: what a person reads goes through the translator, as a literal that can be found and translated.
 *
 * In views it reports text that stands in JSX or in an attribute that is read out or shown, a sentence that no `__` has around it, and a
 * `__` whose text is made when it runs. Code (`<code>`, `<pre>`), the keys of closed sets and marks without letters are not words. In models it
 * reports whatever reads like a sentence: a model gives facts, and a view says them.
 */

const READ = new Set(['title', 'label', 'note', 'about', 'help', 'what', 'placeholder', 'alt', 'aria-label', 'aria-description', 'aria-roledescription', 'aria-valuetext', 'caption']);
const CODE = new Set(['code', 'pre', 'kbd']);
/** A word: two small letters beside each other, so that neither marks (`→`) nor the names of formats (SVG) are. */
const WORD = /\p{Ll}{2}/u;
const SENTENCE = /\p{L}{2,}[,:;]? \p{L}/u;
const CLASSES = /^(jp-\S+ ?)+$/;
const NAMES = new Set(['MLOps']);

const isCall = (node, ...names) => node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && names.includes(node.callee.property.name);
const nameOf = attribute => (attribute.name.type === 'JSXNamespacedName' ? `${attribute.name.namespace.name}:${attribute.name.name.name}` : attribute.name.name);
const textOf = node => (node.type === 'JSXText' ? node.value : node.type === 'Literal' ? (typeof node.value === 'string' ? node.value : '') : node.type === 'TemplateLiteral' ? node.quasis.map(part => part.value.cooked).join(' % ') : '');

/** The literals that an expression can come to: the arms of conditions, the ends of `??`, `||`, `&&`, what is added. */
function arms(node) {
  switch (node.type) {
    case 'ConditionalExpression': return [...arms(node.consequent), ...arms(node.alternate)];
    case 'LogicalExpression':
    case 'BinaryExpression': return node.operator === '===' || node.operator === '!==' ? [] : [...arms(node.left), ...arms(node.right)];
    case 'Literal': return [node];
    case 'TemplateLiteral': return [node, ...node.expressions.flatMap(arms)];
    default: return [];
  }
}

const insideCode = node => {
  for (let at = node.parent; at; at = at.parent) {
    if (at.type === 'JSXElement' && CODE.has(at.openingElement.name.name)) {
      return true;
    }
  }
  return false;
};

/** Whether a literal is one of a closed set of words, by the type that is wanted where it stands: a key, whose words a view has. */
function isKey(node, services) {
  if (!services.program) {
    return false;
  }
  const wanted = services.program.getTypeChecker().getContextualType(services.esTreeNodeToTSNodeMap.get(node));
  return wanted !== undefined && (wanted.isUnion() ? wanted.types : [wanted]).some(one => one.isStringLiteral());
}

/** Whether a literal is no text by where it stands: a key, a type, a class, a path of a drawing, an import, what developers read. */
function isNotShown(node) {
  for (let at = node, up = node.parent; up; at = up, up = up.parent) {
    if (up.type.startsWith('TS') || up.type.startsWith('Import') || up.type === 'SwitchCase' || up.type === 'TaggedTemplateExpression') {
      return true;
    }
    if ((up.type === 'Property' && (up.key === at || up.key.name === 'description')) || (up.type === 'BinaryExpression' && /^[!=]==$/.test(up.operator)) || (up.type === 'MemberExpression' && up.property === at)) {
      return true;
    }
    if (isCall(up, '__', '_n', 'has', 'includes', 'querySelector', 'querySelectorAll', 'closest', 'matches', 'error') || (up.type === 'NewExpression' && up.callee.name === 'Error')) {
      return true;
    }
    if (up.type === 'JSXAttribute') {
      return !READ.has(nameOf(up));
    }
    if ((up.type === 'JSXExpressionContainer' && up.parent.type !== 'JSXAttribute') || up.type.endsWith('Statement') || up.type.startsWith('Arrow')) {
      return insideCode(up);
    }
  }
  return false;
}

const translated = {
  meta: { type: 'problem', schema: [], messages: { bare: '"{{text}}" does not go through the translator: `text.__(…)`.', made: 'A text that is made when it runs cannot be found to translate: give `{{name}}` a literal.' } },
  create(context) {
    const services = context.sourceCode.parserServices;
    const reported = new Set();
    const report = node => {
      const said = textOf(node).trim();
      if (!reported.has(node) && !NAMES.has(said)) {
        reported.add(node);
        context.report({ node, messageId: 'bare', data: { text: said.slice(0, 40) } });
      }
    };
    const check = (node, pattern) => arms(node).filter(arm => pattern.test(textOf(arm))).forEach(report);
    return {
      JSXText(node) {
        if (WORD.test(node.value) && !insideCode(node)) {
          report(node);
        }
      },
      JSXExpressionContainer(node) {
        const inAttribute = node.parent.type === 'JSXAttribute';
        if (inAttribute ? READ.has(nameOf(node.parent)) : !insideCode(node)) {
          check(node.expression, WORD);
        }
      },
      JSXAttribute(node) {
        if (READ.has(nameOf(node)) && node.value?.type === 'Literal' && WORD.test(textOf(node.value))) {
          report(node.value);
        }
      },
      CallExpression(node) {
        if (isCall(node, '__', '_n')) {
          const texts = node.arguments.slice(0, node.callee.property.name === '_n' ? 2 : 1);
          if (texts.some(one => one.type !== 'Literal')) {
            context.report({ node, messageId: 'made', data: { name: node.callee.property.name } });
          }
        }
      },
      ':matches(Literal, TemplateLiteral)'(node) {
        if (SENTENCE.test(textOf(node)) && !CLASSES.test(textOf(node)) && !isNotShown(node) && !isKey(node, services)) {
          report(node);
        }
      }
    };
  }
};

export default { rules: { translated } };
