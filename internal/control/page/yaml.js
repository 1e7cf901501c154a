// Formatting of rules as readable YAML. JSON is valid YAML, but has more brackets and quotes.

// yaml formats a value decoded from JSON.
export const yaml = value => lines(value).join('\n') + '\n';

const wide = 72; // maximum number of columns of a map in braces

function lines(value) {
  if (!nested(value)) {
    return [scalar(value)];
  }
  if (Array.isArray(value)) {
    return value.flatMap(item => lines(item).map((line, i) => (i === 0 ? '- ' : '  ') + line));
  }
  return Object.entries(value).flatMap(([key, item]) => pair(scalar(key), item));
}

function pair(key, item) {
  if (!nested(item)) {
    return [`${key}: ${scalar(item)}`];
  }
  const short = `${key}: ${flow(item)}`;
  if (!Array.isArray(item) && !Object.values(item).some(nested) && short.length <= wide) {
    return [short];
  }
  return [`${key}:`, ...lines(item).map(line => `  ${line}`)];
}

const nested = value => value !== null && typeof value === 'object' && Object.keys(value).length > 0;

const flow = map => `{${Object.entries(map).map(([key, item]) => `${scalar(key)}: ${scalar(item)}`).join(', ')}}`;

// scalar omits quotes where the text is unambiguous.
function scalar(value) {
  if (typeof value !== 'string') {
    return JSON.stringify(value);
  }
  const duration = /^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(value);
  const plain = /^[A-Za-z_][\w./=*!<>-]*(?: +[\w./=*!<>-]+)*$/.test(value);
  if (duration || (plain && !/^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i.test(value))) {
    return value;
  }
  return JSON.stringify(value).replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, c => `\\U${c.codePointAt(0).toString(16).padStart(8, '0')}`);
}
