// A manifest with its properties, content and referrers.

import { source } from './body.js';
import { copier, copyable, data, facts, h, link, table } from './dom.js';
import { toContent, toRequests } from './route.js';
import { exactSize, isManifest, kind, printable, shortDigest, size, text } from './text.js';

// drawManifest returns the sections of the page of a manifest.
export function drawManifest({ descriptor, tags, manifest, config, referrers }, repo, ref, site) {
  const name = `${site.host}/${repo}${ref.includes(':') ? '@' : ':'}${ref}`;
  return [
    h('header', { class: 'title' }, h('h2', {}, data(kind(descriptor), { title: descriptor.mediaType })),
      copier('Copy reference', () => name, `Copy ${printable(name)}`), link(toRequests(`repo=${repo} digest=${descriptor.digest}`), 'requests')),
    facts(
      ['digest', copyable(descriptor.digest, descriptor.digest)],
      ['media type', data(descriptor.mediaType)],
      ['artifact type', manifest?.artifactType && data(manifest.artifactType)],
      ['size', exactSize(descriptor.size)],
      ['content', total(manifest)],
      ['tags', tags?.length > 0 && h('span', {}, tags.flatMap(tag => [link(toContent(repo, text(tag)), data(tag)), ' ']))],
      ['subject', manifest?.subject?.digest && copyable(manifest.subject.digest, shortDigest(manifest.subject.digest), toContent(repo, String(manifest.subject.digest)))],
      ['platform', config?.os && data(platform({ ...config, 'os.version': undefined }))]),
    annotations('Annotations', manifest?.annotations),
    children(manifest, repo),
    layers(manifest),
    related(referrers, repo),
    annotations('Labels', config?.config?.Labels),
    part('Manifest', manifest === undefined ? h('p', { class: 'none' }, 'Not JSON.') : source(JSON.stringify(manifest))),
    config && part('Config', source(JSON.stringify(config))),
  ].filter(Boolean);
}

const list = value => Array.isArray(value) ? value.filter(item => item && typeof item === 'object') : [];

const bytes = d => Number.isFinite(d.size) ? d.size : 0;

function total(manifest) {
  const parts = list(manifest?.layers);
  return parts.length > 0 && exactSize(parts.reduce((sum, layer) => sum + bytes(layer), 0));
}

const part = (title, ...parts) => h('section', { class: 'part' }, h('h3', {}, title), ...parts);

// children shows the manifests of an index.
function children(manifest, repo) {
  const all = list(manifest?.manifests);
  return all.length > 0 && part('Manifests', table('Manifests', ['Platform', 'Digest', 'Kind', 'Size', 'Annotations'], all.map(m => [
    data(m.platform ? platform(m.platform) : '–'),
    isManifest(m.mediaType) ? copyable(text(m.digest), shortDigest(m.digest), toContent(repo, text(m.digest))) : copyable(text(m.digest), shortDigest(m.digest)),
    data(kind(m), { title: text(m.mediaType) }), number(m), data(said(m.annotations)),
  ])));
}

const platform = p => [p.os, p.architecture, p.variant, p['os.version']].filter(Boolean).map(text).join('/');

function layers(manifest) {
  const all = list(manifest?.layers);
  const rows = [...manifest?.config?.digest ? [['config', manifest.config]] : [], ...all.map((layer, i) => [String(i + 1), layer])];
  return rows.length > 0 && part('Layers', table('Layers', ['', 'Digest', 'Size', 'Media type', 'Annotations'], rows.map(([name, d]) => [
    h('span', { class: 'number' }, name), copyable(text(d.digest), shortDigest(d.digest)), number(d), data(d.mediaType), data(said(d.annotations)),
  ])));
}

const number = d => h('span', { class: 'number', title: `${bytes(d)} bytes` }, size(bytes(d)));

// related shows the referrers of a manifest.
function related(referrers, repo) {
  return referrers?.length > 0 && part('Referrers', table('Referrers', ['Digest', 'Kind', 'Size', 'Annotations'], referrers.map(r => [
    copyable(r.digest, shortDigest(r.digest), toContent(repo, r.digest)), data(kind(r), { title: r.mediaType }), number(r), data(said(r.annotations)),
  ])));
}

const said = (map = {}) => Object.entries(map ?? {}).map(([name, value]) => `${name}=${text(value)}`).join(' ');

const annotations = (title, map) => map && Object.keys(map).length > 0 && part(title, facts(
  ...Object.entries(map).map(([name, value]) => [data(name), data(value)])));
