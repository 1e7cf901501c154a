package e2e

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/opencontainers/go-digest"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/descriptor"
	"github.com/regclient/regclient/types/manifest"
	"github.com/regclient/regclient/types/mediatype"
	ociv1 "github.com/regclient/regclient/types/oci/v1"
	"github.com/regclient/regclient/types/ref"
)

// regclientGo is the library that regctl and regsync are made with.
var regclientGo = client{
	name:        "regclient",
	indexes:     true,
	sha512:      true,
	push:        regclientPush,
	pushChunked: regclientPushInChunks(chunkSize),
	chunks:      layerSize / chunkSize,
	pull:        regclientPull,
	resolve:     regclientResolve,
	tag:         regclientTag,
	tags:        regclientTags,
	copy:        regclientCopy,
	delete:      regclientDelete,
	attach:      regclientAttach,
	referrers:   regclientReferrers,
	catalog:     regclientCatalog,
}

func (s *session) regclient(host config.Host) *regclient.RegClient {
	host.Name, host.TLS = s.base.Host, config.TLSDisabled
	if s.login != nil {
		host.User, host.Pass = s.login.Username, s.login.Password
	}
	if s.tls() {
		host.TLS = config.TLSEnabled
	}
	return regclient.New(
		regclient.WithConfigHost(host),
		regclient.WithRegOpts(reg.WithHTTPClient(&http.Client{Transport: s.transport})),
	)
}

// regclientImageCopy copies between any two of registries and layouts.
func (s *session) regclientImageCopy(host config.Host, from, to string) error {
	src, errSrc := ref.New(from)
	dst, errDst := ref.New(to)
	if err := errors.Join(errSrc, errDst); err != nil {
		return err
	}
	rc := s.regclient(host)
	err := rc.ImageCopy(s.context(), src, dst)
	return errors.Join(err, rc.Close(s.context(), src), rc.Close(s.context(), dst))
}

func regclientPush(s *session, c content, ref string) error {
	return s.regclientImageCopy(config.Host{}, "ocidir://"+c.dir+":"+c.tag, ref)
}

// regclientPushInChunks returns a function that pushes in chunks of the size.
func regclientPushInChunks(size int64) func(*session, content, string) error {
	return func(s *session, c content, ref string) error {
		return s.regclientImageCopy(config.Host{BlobChunk: size, BlobMax: size}, "ocidir://"+c.dir+":"+c.tag, ref)
	}
}

func regclientPull(s *session, ref, dir string) error {
	return s.regclientImageCopy(config.Host{}, ref, "ocidir://"+dir+":pulled")
}

func regclientCopy(s *session, from, to string) error {
	return s.regclientImageCopy(config.Host{}, from, to)
}

func regclientTag(s *session, image, tag string) error {
	r, err := ref.New(image)
	if err != nil {
		return err
	}
	return s.regclientImageCopy(config.Host{}, image, r.SetTag(tag).CommonName())
}

func (s *session) regclientHead(image string) (ref.Ref, descriptor.Descriptor, error) {
	r, err := ref.New(image)
	if err != nil {
		return ref.Ref{}, descriptor.Descriptor{}, err
	}
	m, err := s.regclient(config.Host{}).ManifestHead(s.context(), r)
	if err != nil {
		return ref.Ref{}, descriptor.Descriptor{}, err
	}
	return r, m.GetDescriptor(), nil
}

func regclientResolve(s *session, image string) (digest.Digest, error) {
	_, desc, err := s.regclientHead(image)
	return desc.Digest, err
}

func regclientTags(s *session, repo string) ([]string, error) {
	r, err := ref.New(s.base.Host + "/" + repo)
	if err != nil {
		return nil, err
	}
	list, err := s.regclient(config.Host{}).TagList(s.context(), r)
	if err != nil {
		return nil, err
	}
	return list.GetTags()
}

func regclientDelete(s *session, image string) error {
	r, err := ref.New(image)
	if err != nil {
		return err
	}
	return s.regclient(config.Host{}).ManifestDelete(s.context(), r)
}

func regclientAttach(s *session, subject, artifactType string) error {
	r, subjectDesc, err := s.regclientHead(subject)
	if err != nil {
		return err
	}
	empty := descriptor.Descriptor{MediaType: mediatype.OCI1Empty, Digest: descriptor.EmptyDigest, Size: int64(len(descriptor.EmptyData))}
	m, err := manifest.New(manifest.WithOrig(ociv1.Manifest{
		Versioned:    ociv1.ManifestSchemaVersion,
		MediaType:    mediatype.OCI1Manifest,
		ArtifactType: artifactType,
		Config:       empty,
		Layers:       []descriptor.Descriptor{empty},
		Subject:      &subjectDesc,
	}))
	if err != nil {
		return err
	}
	rc := s.regclient(config.Host{})
	if _, err := rc.BlobPut(s.context(), r, empty, bytes.NewReader(descriptor.EmptyData)); err != nil {
		return err
	}
	return rc.ManifestPut(s.context(), r.SetDigest(m.GetDescriptor().Digest.String()), m)
}

func regclientReferrers(s *session, subject, artifactType string) ([]digest.Digest, error) {
	r, err := ref.New(subject)
	if err != nil {
		return nil, err
	}
	match := descriptor.MatchOpt{ArtifactType: artifactType}
	list, err := s.regclient(config.Host{}).ReferrerList(s.context(), r, scheme.WithReferrerMatchOpt(match))
	var all []digest.Digest
	for _, desc := range list.Descriptors {
		all = append(all, desc.Digest)
	}
	return all, err
}

func regclientCatalog(s *session) ([]string, error) {
	rc := s.regclient(config.Host{})
	return pages(func(last string) ([]string, error) {
		list, err := rc.RepoList(s.context(), s.base.Host, scheme.WithRepoLast(last))
		if err != nil {
			return nil, err
		}
		return list.GetRepos()
	})
}

// pages asks for page after page until there is none. Neither regclient nor
// regctl follows the link to the next page of the catalog.
func pages(page func(last string) ([]string, error)) ([]string, error) {
	var all []string
	for last := ""; ; last = all[len(all)-1] {
		entries, err := page(last)
		if err != nil || len(entries) == 0 {
			return all, err
		}
		all = append(all, entries...)
	}
}
