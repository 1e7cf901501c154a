package layoutstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
)

// record is a line of the log, without its checksum. Each change of the store is one record.
type record struct {
	kind   kind
	repo   string
	digest digest.Digest
	size   int64          // of a blob, or of index.json
	sum    uint32         // of index.json
	tags   []string       // of tagRecord; one of untagRecord
	stored manifestRecord // of manifestRecord
}

// kind is the first word of a record.
type kind string

const (
	headerKind     kind = "ocifake-store"   // VERSION: the first record
	ownKind        kind = "own"             // DIGEST: ocifake writes the file of the digest
	collectedKind  kind = "collected"       // DIGEST: ocifake has deleted the file that it wrote
	foreignKind    kind = "foreign"         // DIGEST: the file of the digest is not deleted
	repositoryKind kind = "repository"      // REPO: exists, although it is empty
	blobKind       kind = "blob"            // REPO DIGEST SIZE: is visible
	noBlobKind     kind = "delete-blob"     // REPO DIGEST
	manifestKind   kind = "manifest"        // REPO JSON: was put, with tags
	noManifestKind kind = "delete-manifest" // REPO DIGEST: with its tags
	tagKind        kind = "tag"             // REPO DIGEST TAG...: are set
	noTagKind      kind = "delete-tag"      // REPO TAG
	indexKind      kind = "index"           // SIZE CRC [REPO]: index.json has all that comes before; entries without a repository are in REPO
)

// version is the version of the format.
const version = "1"

// manifestRecord is the JSON of a manifest.
type manifestRecord struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Subject      digest.Digest     `json:"subject,omitempty"`
	Children     []digest.Digest   `json:"children,omitempty"` // manifests that it refers to
	Tags         []string          `json:"tags,omitempty"`
}

func (m manifestRecord) descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, ArtifactType: m.ArtifactType, Annotations: m.Annotations}
}

// castagnoli is the polynomial for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// text returns the record as a line without checksum and end.
func (r record) text() ([]byte, error) {
	words := []string{string(r.kind)}
	switch r.kind {
	case headerKind:
		words = append(words, version)
	case ownKind, collectedKind, foreignKind:
		words = append(words, string(r.digest))
	case repositoryKind:
		words = append(words, r.repo)
	case blobKind:
		words = append(words, r.repo, string(r.digest), strconv.FormatInt(r.size, 10))
	case noBlobKind, noManifestKind:
		words = append(words, r.repo, string(r.digest))
	case manifestKind:
		var encoded bytes.Buffer
		e := json.NewEncoder(&encoded)
		e.SetEscapeHTML(false)
		if err := e.Encode(r.stored); err != nil {
			return nil, err
		}
		words = append(words, r.repo, strings.TrimSuffix(encoded.String(), "\n"))
	case tagKind:
		words = append(append(words, r.repo, string(r.digest)), r.tags...)
	case noTagKind:
		words = append(words, r.repo, r.tags[0])
	case indexKind:
		words = append(words, strconv.FormatInt(r.size, 10), fmt.Sprintf("%08x", r.sum))
		if r.repo != "" {
			words = append(words, r.repo)
		}
	}
	return []byte(strings.Join(words, " ")), nil
}

// line returns the record as a line of the file.
func (r record) line() ([]byte, error) {
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	return slices.Concat(fmt.Appendf(nil, "%08x ", checksum(text)), text, []byte("\n")), nil
}

// parseRecord parses the text of a record. It accepts only what text returns.
func parseRecord(text []byte) (record, error) {
	word, rest, _ := strings.Cut(string(text), " ")
	r := record{kind: kind(word)}
	var err error
	switch r.kind {
	case headerKind:
		if rest != version {
			err = fmt.Errorf("version %q of the format is not supported: want %s", rest, version)
		}
	case ownKind, collectedKind, foreignKind:
		r.digest, err = parseDigest(rest)
	case repositoryKind:
		r.repo, err = parseRepository(rest)
	case blobKind:
		err = r.parseBlob(rest)
	case noBlobKind, noManifestKind:
		_, err = r.parsePair(rest, 2)
	case manifestKind:
		err = r.parseManifest(rest)
	case tagKind:
		var words []string
		if words, err = r.parsePair(rest, 3); err == nil {
			r.tags, err = parseTags(strings.Split(words[2], " "))
		}
	case noTagKind:
		repo, tag, _ := strings.Cut(rest, " ")
		if r.repo, err = parseRepository(repo); err == nil {
			r.tags, err = parseTags([]string{tag})
		}
	case indexKind:
		err = r.parseIndex(rest)
	default:
		err = fmt.Errorf("unknown kind of record %q", word)
	}
	return r, err
}

// parsePair parses a repository, a digest, and what else there is in n parts.
func (r *record) parsePair(rest string, n int) (words []string, err error) {
	words = strings.SplitN(rest, " ", n)
	if len(words) != n {
		return nil, errors.New("a word is missing")
	}
	if r.repo, err = parseRepository(words[0]); err == nil {
		r.digest, err = parseDigest(words[1])
	}
	return words, err
}

func (r *record) parseBlob(rest string) error {
	words, err := r.parsePair(rest, 3)
	if err == nil {
		r.size, err = parseSize(words[2])
	}
	return err
}

func (r *record) parseIndex(rest string) (err error) {
	size, rest, _ := strings.Cut(rest, " ")
	sum, repo, hasRepo := strings.Cut(rest, " ")
	if r.size, err = parseSize(size); err != nil {
		return err
	}
	n, err := strconv.ParseUint(sum, 16, 32)
	if r.sum = uint32(n); err != nil || sum != fmt.Sprintf("%08x", n) {
		return fmt.Errorf("%q is not a checksum", sum)
	}
	if hasRepo {
		r.repo, err = parseRepository(repo)
	}
	return err
}

func (r *record) parseManifest(rest string) (err error) {
	repo, text, _ := strings.Cut(rest, " ")
	if r.repo, err = parseRepository(repo); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), &r.stored); err != nil {
		return err
	}
	m := r.stored
	r.digest = m.Digest
	if _, err := parseDigest(string(m.Digest)); err != nil {
		return err
	}
	if m.Size < 0 {
		return fmt.Errorf("negative size %d", m.Size)
	}
	if _, err := parseTags(m.Tags); err != nil {
		return err
	}
	again, err := r.text()
	if err == nil && string(again) != string(manifestKind)+" "+rest {
		err = errors.New("the JSON is not as ocifake writes it")
	}
	return err
}

func parseRepository(s string) (string, error) {
	if !op.ValidRepository(s) {
		return "", fmt.Errorf("%q is not the name of a repository", s)
	}
	return s, nil
}

func parseDigest(s string) (digest.Digest, error) {
	if !op.ValidDigest(digest.Digest(s)) {
		return "", fmt.Errorf("%q is not a sha256 or sha512 digest", s)
	}
	return digest.Digest(s), nil
}

func parseTags(tags []string) ([]string, error) {
	for _, tag := range tags {
		if !op.ValidTag(tag) {
			return nil, fmt.Errorf("%q is not a tag", tag)
		}
	}
	return tags, nil
}

func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s != strconv.FormatInt(n, 10) {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return n, nil
}
