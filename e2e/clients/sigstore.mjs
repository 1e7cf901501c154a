// A client of registries with packages of npm: @sigstore/oci, which attaches attestations to images,
// and make-fetch-happen, the HTTP client of npm. Both use the proxies and certificates of the
// environment, and the login of Docker's configuration.
//
//	sigstore.mjs push HOST REPOSITORY DIGEST FILE    attaches a file to an image
//	sigstore.mjs pull HOST REPOSITORY TAG FILE       pulls the last layer of an image into a file
//
// Both print the digest of the manifest.
import {createRequire} from 'node:module';
import {createHash} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';

const require = createRequire(process.env.OCIFAKE_NPM + '/');
const {attachArtifactToImage, getImageDigest, getRegistryCredentials} = require('@sigstore/oci');
const fetch = require('make-fetch-happen');

const [command, host, repository, reference, file] = process.argv.slice(2);
const imageName = host + '/' + repository;
const credentials = getRegistryCredentials(imageName);
const digestOf = (content) => 'sha256:' + createHash('sha256').update(content).digest('hex');

async function push() {
  const attached = await attachArtifactToImage({
    credentials, imageName, imageDigest: reference, artifact: readFileSync(file),
    mediaType: 'application/vnd.example.file', annotations: {'org.opencontainers.image.created': '2001-02-03T04:05:06Z'},
  });
  return attached.digest;
}

// get reads a path below the repository, with a token if one is asked for.
async function get(path, authorization = undefined) {
  const url = `${host.startsWith('127.') ? 'http' : 'https'}://${host}/v2/${repository}/${path}`;
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*';
  const answer = await fetch(url, {headers: {accept, ...(authorization && {authorization})}});
  if (answer.status === 401 && !authorization) {
    const login = 'Basic ' + Buffer.from(credentials.username + ':' + credentials.password).toString('base64');
    if (/^basic/i.test(answer.headers.get('www-authenticate'))) return get(path, login);
    const of = (name) => answer.headers.get('www-authenticate').match(new RegExp(name + '="([^"]*)"'))?.[1] ?? '';
    const realm = new URL(of('realm'));
    realm.searchParams.set('service', of('service'));
    realm.searchParams.set('scope', of('scope'));
    const {token, access_token} = await (await fetch(realm.href, {headers: {authorization: login}})).json();
    return get(path, 'Bearer ' + (token ?? access_token));
  }
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.buffer();
}

async function pull() {
  const digest = await getImageDigest({credentials, imageName, imageTag: reference});
  const manifest = await get('manifests/' + reference);
  if (digestOf(manifest) !== digest) throw new Error(`the manifest is ${digestOf(manifest)}, not ${digest}`);
  const layer = JSON.parse(manifest).layers.at(-1);
  const content = await get('blobs/' + layer.digest);
  if (digestOf(content) !== layer.digest) throw new Error('the layer is not what its digest says');
  writeFileSync(file, content);
  return digest;
}

console.log(await {push, pull}[command]());
