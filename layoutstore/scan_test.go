package layoutstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/layoutdir"
)

var someDigest = digest.FromString("some")

// examples has a record of each kind.
func examples() []layoutdir.Record {
	return []layoutdir.Record{
		{Kind: layoutdir.HeaderKind},
		{Kind: layoutdir.OwnKind, Digest: someDigest},
		{Kind: layoutdir.ForeignKind, Digest: digest.SHA512.FromString("other")},
		{Kind: layoutdir.RepositoryKind, Repo: "empty/repository"},
		{Kind: layoutdir.BlobKind, Repo: "app", Digest: someDigest, Size: 4},
		{Kind: layoutdir.ManifestKind, Repo: "app", Digest: someDigest, Stored: layoutdir.Manifest{
			MediaType: "a/b", Digest: someDigest, Size: 1 << 40, ArtifactType: "<&\u2028\n>", Annotations: map[string]string{"b": "\x01 ", "a": ""},
			Subject: someDigest, Children: []digest.Digest{someDigest}, Tags: []string{"v1", "v2"},
		}},
		{Kind: layoutdir.TagKind, Repo: "app", Digest: someDigest, Tags: []string{"v2", "v3"}},
		{Kind: layoutdir.NoTagKind, Repo: "app", Tags: []string{"v1"}},
		{Kind: layoutdir.NoManifestKind, Repo: "app", Digest: someDigest},
		{Kind: layoutdir.NoBlobKind, Repo: "app", Digest: someDigest},
		{Kind: layoutdir.CollectedKind, Digest: someDigest},
		{Kind: layoutdir.IndexKind, Size: 12, Sum: 0xab, Repo: "app"},
		{Kind: layoutdir.IndexKind, Size: 12, Sum: 0xab},
	}
}

// logOf returns the lines of records.
func logOf(t testing.TB, records ...layoutdir.Record) []byte {
	var log []byte
	for _, r := range records {
		line, err := r.Line()
		require.NoError(t, err)
		log = append(log, line...)
	}
	return log
}

func TestRecords(t *testing.T) {
	for _, r := range examples() {
		text, err := r.Text()
		require.NoError(t, err)
		got, err := layoutdir.ParseRecord(text)
		require.NoError(t, err, "%s", text)
		assert.Equal(t, r, got)
	}
	manifest := fmt.Sprintf(`manifest app {"digest":%q,"size":1}`, someDigest)
	_, err := layoutdir.ParseRecord([]byte(manifest))
	require.NoError(t, err)
	for _, wrong := range []string{
		"", "unknown", "ocifake-store 2", "own", "own sha256:00", "own md5:d41d8cd98f00b204e9800998ecf8427e", "own " + string(someDigest) + " ",
		"blob app " + string(someDigest), "blob app " + string(someDigest) + " 01", "blob app " + string(someDigest) + " -1",
		"blob ../app " + string(someDigest) + " 1", "blob app ../../x 1", "repository A", "repository ", "tag app " + string(someDigest),
		"tag app " + string(someDigest) + " ", "tag app " + string(someDigest) + " a  b", "delete-tag app", "delete-tag app a b",
		"index 1 abc", "index 1 000000ab ", "index 1 000000ab A", "index 1 000000ab app app", "index 1 0000000G", "index 1 000000AB", "index x 00000000",
		"manifest app", "manifest app {}", strings.Replace(manifest, ":1", ":-1", 1), manifest + " ", strings.Replace(manifest, "{", "{ ", 1),
		strings.Replace(manifest, `"size"`, `"Size"`, 1), strings.Replace(manifest, `}`, `,"size":1}`, 1), strings.Replace(manifest, `}`, `,"more":1}`, 1),
		strings.Replace(manifest, `}`, `,"tags":["a b"]}`, 1),
	} {
		_, err := layoutdir.ParseRecord([]byte(wrong))
		assert.Error(t, err, wrong)
	}
}

// A log that ends anywhere has the records before.
func TestTornLog(t *testing.T) {
	records := examples()
	log := logOf(t, records...)
	for n := range len(log) + 1 {
		for _, tail := range []string{"", "garbage", "garbage\n", "\x00\x00"} {
			if tail != "" && n%50 != 0 {
				continue
			}
			var got int64
			end, err := layoutdir.Scan(strings.NewReader(string(log[:n])+tail), func(text []byte) error {
				got += int64(layoutdir.SumLength + len(text) + 1)
				return nil
			})
			if tail != "" && err != nil {
				continue // a record that is not whole, and another one
			}
			require.NoError(t, err)
			require.Equal(t, got, end)
			require.True(t, bytes.HasPrefix(log, log[:end]))
		}
	}
	// A wrong byte in any record but the last is an error.
	last := len(logOf(t, records[:len(records)-1]...))
	for n := range log {
		damaged := bytes.Clone(log)
		damaged[n] ^= 0x20
		end, err := layoutdir.Scan(bytes.NewReader(damaged), func([]byte) error { return nil })
		if n < last-1 {
			require.ErrorContains(t, err, fmt.Sprintf("ocifake.store: offset %d: ", end), "byte %d", n)
		}
	}
}

// A store is opened with the log and the index.json given.
func openWith(t testing.TB, log, index []byte, o Options) (*Store, error) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{layoutdir.LogName: log, "oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": index} {
		if content != nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
	}
	s, err := OpenUnsynced(dir, o, nil)
	if err != nil {
		return nil, err
	}
	return s, s.load()
}

func TestDamagedLog(t *testing.T) {
	header := layoutdir.Record{Kind: layoutdir.HeaderKind}
	for name, tt := range map[string]struct {
		log  []byte
		want string
	}{
		"empty":                        {[]byte{}, "it has no records"},
		"other file":                   {[]byte("hello\nworld\n"), "offset 0"},
		"no header":                    {logOf(t, examples()[1]), "the first record"},
		"two headers":                  {logOf(t, header, header), "offset 25"},
		"newer":                        {[]byte(fmt.Sprintf("%08x ocifake-store 2\n", layoutdir.Checksum([]byte("ocifake-store 2")))), `version "2"`},
		"deletes what is not there":    {logOf(t, header, layoutdir.Record{Kind: layoutdir.NoBlobKind, Repo: "app", Digest: someDigest}), "has no blob"},
		"deletes no manifest":          {logOf(t, header, layoutdir.Record{Kind: layoutdir.NoManifestKind, Repo: "app", Digest: someDigest}), "has no manifest"},
		"deletes no tag":               {logOf(t, header, layoutdir.Record{Kind: layoutdir.NoTagKind, Repo: "app", Tags: []string{"v1"}}), "has no manifest v1"},
		"tags what is not there":       {logOf(t, header, layoutdir.Record{Kind: layoutdir.TagKind, Repo: "app", Digest: someDigest, Tags: []string{"v1"}}), "to tag"},
		"two sizes of the same digest": {logOf(t, header, examples()[4], layoutdir.Record{Kind: layoutdir.BlobKind, Repo: "lib", Digest: someDigest, Size: 5}), "5"},
	} {
		for _, readOnly := range []bool{false, true} {
			s, err := openWith(t, tt.log, nil, Options{ReadOnly: readOnly})
			require.ErrorContains(t, err, tt.want, name)
			if s != nil {
				require.NoError(t, s.Close())
			}
		}
	}
	log := logOf(t, header, examples()[4])
	s, err := openWith(t, append(log, "torn"...), nil, Options{})
	require.NoError(t, err)
	_, ok := sizeIn(s.head, "app", someDigest)
	require.True(t, ok)
	require.NoError(t, s.Close())
}

// FuzzLog replays any log; what it accepts survives being shortened.
func FuzzLog(f *testing.F) {
	f.Add(logOf(f, examples()...))
	f.Add(logOf(f, examples()[:7]...))
	f.Add([]byte("00000000 \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		// Lines without a checksum get one, or most inputs would be refused.
		var log []byte
		for line := range bytes.Lines(text) {
			if _, err := layoutdir.Unsum(line); err != nil {
				line = fmt.Appendf(nil, "%08x %s\n", layoutdir.Checksum(bytes.TrimSuffix(line, []byte("\n"))), bytes.TrimSuffix(line, []byte("\n")))
			}
			log = append(log, line...)
		}
		read := func(digest.Digest, int64) func() ([]byte, error) {
			return func() ([]byte, error) { return nil, os.ErrNotExist }
		}
		keep := func(layoutdir.Record) error { return nil }
		s := newState()
		if s.replay(bytes.NewReader(log), read, keep) != nil {
			return
		}
		short, err := s.compacted()
		require.NoError(t, err)
		again := newState()
		require.NoError(t, again.replay(bytes.NewReader(logOf(t, short...)), read, keep))
		was, err := layoutdir.Names(s.head)
		require.NoError(t, err)
		is, err := layoutdir.Names(again.head)
		require.NoError(t, err)
		require.Equal(t, was, is)
		require.Equal(t, s.refs, again.refs)
		require.Equal(t, s.owned, again.owned)
	})
}

// FuzzIndex reads any index.json; what it accepts is the same when it is written.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[]}`))
	f.Add([]byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","annotations":{"a":"b"},"manifests":[`+
		`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":2,"annotations":{"org.opencontainers.image.ref.name":"app:v1"}}]}`, someDigest)))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := parseIndex(text, "")
		if err != nil {
			return
		}
		written, err := x.text()
		require.NoError(t, err)
		again, err := parseIndex(written, "")
		require.NoError(t, err, "%s", written)
		rewritten, err := again.text()
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
		require.Len(t, again.entries, len(x.entries))
	})
}
