// Links to evidence.

import { data, h } from './dom.js';
import { printable } from './text.js';

// citation links to an issue, "owner/repository#number", or to a URL.
export function citation(name) {
  const [, repo, number] = /^([\w.-]+\/[\w.-]+)#(\d+)$/.exec(name) ?? [];
  const href = repo ? `https://github.com/${repo}/issues/${number}` : /^https:\/\//.test(name) && name;
  return href ? h('a', { href, rel: 'noreferrer', target: '_blank' }, printable(name)) : data(name);
}

const grades = {
  S: 'source code', R: 'recorded response', D: 'documentation', W: 'workaround in a client', I: 'report', P: 'measured',
};

// evidence is the kind, the citation and the date of the evidence of a fact.
export const evidence = ({ grade, source, date }) =>
  h('span', { class: 'evidence' }, `${Object.hasOwn(grades, grade) ? grades[grade] : 'evidence'}: `, citation(source), date && ` (${printable(date)})`);
