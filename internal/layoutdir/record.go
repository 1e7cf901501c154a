package layoutdir

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

// Record is a line of the log, without its checksum. Each change of the store is one record.
type Record struct {
	Kind   Kind
	Repo   string
	Digest digest.Digest
	Size   int64    // of a blob, or of index.json
	Sum    uint32   // of index.json
	Tags   []string // of tagRecord; one of untagRecord
	Stored Manifest // of Manifest
}

// Kind is the first word of a record.
type Kind string

const (
	HeaderKind     Kind = "ocifake-store"   // VERSION: the first record
	OwnKind        Kind = "own"             // DIGEST: ocifake writes the file of the digest
	CollectedKind  Kind = "collected"       // DIGEST: ocifake has deleted the file that it wrote
	ForeignKind    Kind = "foreign"         // DIGEST: the file of the digest is not deleted
	RepositoryKind Kind = "repository"      // REPO: exists, although it is empty
	BlobKind       Kind = "blob"            // REPO DIGEST SIZE: is visible
	NoBlobKind     Kind = "delete-blob"     // REPO DIGEST
	ManifestKind   Kind = "manifest"        // REPO JSON: was put, with tags
	NoManifestKind Kind = "delete-manifest" // REPO DIGEST: with its tags
	TagKind        Kind = "tag"             // REPO DIGEST TAG...: are set
	NoTagKind      Kind = "delete-tag"      // REPO TAG
	IndexKind      Kind = "index"           // SIZE CRC [REPO]: index.json has all that comes before; entries without a repository are in REPO
)

// version is the version of the format.
const version = "1"

// Manifest is the JSON of a manifest.
type Manifest struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Subject      digest.Digest     `json:"subject,omitempty"`
	Children     []digest.Digest   `json:"children,omitempty"` // manifests that it refers to
	Tags         []string          `json:"tags,omitempty"`
}

// Descriptor returns the descriptor of the manifest.
func (m Manifest) Descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, ArtifactType: m.ArtifactType, Annotations: m.Annotations}
}

// castagnoli is the polynomial for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of a record or of an index.json.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Text returns the record as a line without checksum and end.
func (r Record) Text() ([]byte, error) {
	words := []string{string(r.Kind)}
	switch r.Kind {
	case HeaderKind:
		words = append(words, version)
	case OwnKind, CollectedKind, ForeignKind:
		words = append(words, string(r.Digest))
	case RepositoryKind:
		words = append(words, r.Repo)
	case BlobKind:
		words = append(words, r.Repo, string(r.Digest), strconv.FormatInt(r.Size, 10))
	case NoBlobKind, NoManifestKind:
		words = append(words, r.Repo, string(r.Digest))
	case ManifestKind:
		var encoded bytes.Buffer
		e := json.NewEncoder(&encoded)
		e.SetEscapeHTML(false)
		if err := e.Encode(r.Stored); err != nil {
			return nil, err
		}
		words = append(words, r.Repo, strings.TrimSuffix(encoded.String(), "\n"))
	case TagKind:
		words = append(append(words, r.Repo, string(r.Digest)), r.Tags...)
	case NoTagKind:
		words = append(words, r.Repo, r.Tags[0])
	case IndexKind:
		words = append(words, strconv.FormatInt(r.Size, 10), fmt.Sprintf("%08x", r.Sum))
		if r.Repo != "" {
			words = append(words, r.Repo)
		}
	}
	return []byte(strings.Join(words, " ")), nil
}

// Line returns the record as a line of the file.
func (r Record) Line() ([]byte, error) {
	text, err := r.Text()
	if err != nil {
		return nil, err
	}
	return slices.Concat(fmt.Appendf(nil, "%08x ", Checksum(text)), text, []byte("\n")), nil
}

// ParseRecord parses the text of a record. It accepts only what [Record.Text] returns.
func ParseRecord(text []byte) (Record, error) {
	word, rest, _ := strings.Cut(string(text), " ")
	r := Record{Kind: Kind(word)}
	var err error
	switch r.Kind {
	case HeaderKind:
		if rest != version {
			err = fmt.Errorf("version %q of the format is not supported: want %s", rest, version)
		}
	case OwnKind, CollectedKind, ForeignKind:
		r.Digest, err = ParseDigest(rest)
	case RepositoryKind:
		r.Repo, err = parseRepository(rest)
	case BlobKind:
		err = r.parseBlob(rest)
	case NoBlobKind, NoManifestKind:
		_, err = r.parsePair(rest, 2)
	case ManifestKind:
		err = r.parseManifest(rest)
	case TagKind:
		var words []string
		if words, err = r.parsePair(rest, 3); err == nil {
			r.Tags, err = parseTags(strings.Split(words[2], " "))
		}
	case NoTagKind:
		repo, tag, _ := strings.Cut(rest, " ")
		if r.Repo, err = parseRepository(repo); err == nil {
			r.Tags, err = parseTags([]string{tag})
		}
	case IndexKind:
		err = r.parseIndex(rest)
	default:
		err = fmt.Errorf("unknown kind of record %q", word)
	}
	return r, err
}

// parsePair parses a repository, a digest, and what else there is in n parts.
func (r *Record) parsePair(rest string, n int) (words []string, err error) {
	words = strings.SplitN(rest, " ", n)
	if len(words) != n {
		return nil, errors.New("a word is missing")
	}
	if r.Repo, err = parseRepository(words[0]); err == nil {
		r.Digest, err = ParseDigest(words[1])
	}
	return words, err
}

func (r *Record) parseBlob(rest string) error {
	words, err := r.parsePair(rest, 3)
	if err == nil {
		r.Size, err = parseSize(words[2])
	}
	return err
}

func (r *Record) parseIndex(rest string) (err error) {
	size, rest, _ := strings.Cut(rest, " ")
	sum, repo, hasRepo := strings.Cut(rest, " ")
	if r.Size, err = parseSize(size); err != nil {
		return err
	}
	n, err := strconv.ParseUint(sum, 16, 32)
	if r.Sum = uint32(n); err != nil || sum != fmt.Sprintf("%08x", n) {
		return fmt.Errorf("%q is not a checksum", sum)
	}
	if hasRepo {
		r.Repo, err = parseRepository(repo)
	}
	return err
}

func (r *Record) parseManifest(rest string) (err error) {
	repo, text, _ := strings.Cut(rest, " ")
	if r.Repo, err = parseRepository(repo); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), &r.Stored); err != nil {
		return err
	}
	m := r.Stored
	r.Digest = m.Digest
	if _, err := ParseDigest(string(m.Digest)); err != nil {
		return err
	}
	if m.Size < 0 {
		return fmt.Errorf("negative size %d", m.Size)
	}
	if _, err := parseTags(m.Tags); err != nil {
		return err
	}
	again, err := r.Text()
	if err == nil && string(again) != string(ManifestKind)+" "+rest {
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

// ParseDigest returns a digest, which must be valid.
func ParseDigest(s string) (digest.Digest, error) {
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

// IsOf reports whether the record is that of an index.json.
func (r Record) IsOf(text []byte) bool {
	return r.Size == int64(len(text)) && r.Sum == Checksum(text)
}
