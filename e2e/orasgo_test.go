package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	orasgo "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// orasGo is the library that oras, helm and notation are made with.
var orasGo = client{
	name:      "oras-go",
	indexes:   true,
	sha512:    true,
	push:      orasGoPush,
	pull:      orasGoPull,
	resolve:   orasGoResolve,
	tag:       orasGoTag,
	tags:      orasGoTags,
	copy:      orasGoCopy,
	delete:    orasGoDelete,
	attach:    orasGoAttach,
	referrers: orasGoReferrers,
	catalog:   orasGoCatalog,
	cannot:    map[string]string{"chunks": "uploads every blob in one PUT"},
}

func (s *session) orasClient() *auth.Client {
	client := &auth.Client{Client: &http.Client{Transport: s.transport}}
	if s.login != nil {
		client.Cache = auth.NewCache() // as oras does
		client.Credential = auth.StaticCredential(s.base.Host, auth.Credential{Username: s.login.Username, Password: s.login.Password})
	}
	return client
}

func (s *session) orasRepository(ref string) (*orasremote.Repository, error) {
	repo, err := orasremote.NewRepository(ref)
	if err != nil {
		return nil, err
	}
	repo.PlainHTTP = !s.tls()
	repo.Client = s.orasClient()
	return repo, nil
}

func orasGoPush(s *session, c content, ref string) error {
	store, err := oci.NewFromFS(s.context(), os.DirFS(c.dir))
	if err != nil {
		return err
	}
	repo, err := s.orasRepository(ref)
	if err != nil {
		return err
	}
	_, err = orasgo.Copy(s.context(), store, c.tag, repo, repo.Reference.Reference, orasgo.DefaultCopyOptions)
	return err
}

func orasGoPull(s *session, ref, dir string) error {
	store, err := oci.New(dir)
	if err != nil {
		return err
	}
	repo, err := s.orasRepository(ref)
	if err != nil {
		return err
	}
	_, err = orasgo.Copy(s.context(), repo, repo.Reference.Reference, store, "pulled", orasgo.DefaultCopyOptions)
	return err
}

func orasGoResolve(s *session, ref string) (digest.Digest, error) {
	repo, err := s.orasRepository(ref)
	if err != nil {
		return "", err
	}
	desc, err := repo.Resolve(s.context(), repo.Reference.Reference)
	return desc.Digest, err
}

func orasGoTag(s *session, ref, tag string) error {
	repo, err := s.orasRepository(ref)
	if err != nil {
		return err
	}
	_, err = orasgo.Tag(s.context(), repo, repo.Reference.Reference, tag)
	return err
}

func orasGoTags(s *session, repo string) ([]string, error) {
	r, err := s.orasRepository(s.base.Host + "/" + repo)
	if err != nil {
		return nil, err
	}
	return registry.Tags(s.context(), r)
}

func orasGoCopy(s *session, from, to string) error {
	src, errSrc := s.orasRepository(from)
	dst, errDst := s.orasRepository(to)
	if err := errors.Join(errSrc, errDst); err != nil {
		return err
	}
	options := orasgo.DefaultCopyOptions
	options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
		return []string{src.Reference.Repository}, nil
	}
	_, err := orasgo.Copy(s.context(), src, src.Reference.Reference, dst, dst.Reference.Reference, options)
	return err
}

func orasGoDelete(s *session, ref string) error {
	repo, err := s.orasRepository(ref)
	if err != nil {
		return err
	}
	desc, err := repo.Resolve(s.context(), repo.Reference.Reference)
	if err != nil {
		return err
	}
	return repo.Delete(s.context(), desc)
}

func orasGoAttach(s *session, subject, artifactType string) error {
	repo, err := s.orasRepository(subject)
	if err != nil {
		return err
	}
	desc, err := repo.Resolve(s.context(), repo.Reference.Reference)
	if err != nil {
		return err
	}
	_, err = orasgo.PackManifest(s.context(), repo, orasgo.PackManifestVersion1_1, artifactType, orasgo.PackManifestOptions{Subject: &desc})
	return err
}

func orasGoReferrers(s *session, subject, artifactType string) ([]digest.Digest, error) {
	repo, err := s.orasRepository(subject)
	if err != nil {
		return nil, err
	}
	desc, err := repo.Resolve(s.context(), repo.Reference.Reference)
	if err != nil {
		return nil, err
	}
	referrers, err := registry.Referrers(s.context(), repo, desc, artifactType)
	return digests(referrers), err
}

func digests(descs []ocispec.Descriptor) []digest.Digest {
	var all []digest.Digest
	for _, desc := range descs {
		all = append(all, desc.Digest)
	}
	return all
}

func orasGoCatalog(s *session) ([]string, error) {
	reg, err := orasremote.NewRegistry(s.base.Host)
	if err != nil {
		return nil, err
	}
	reg.PlainHTTP = !s.tls()
	reg.Client = s.orasClient()
	return registry.Repositories(s.context(), reg)
}
