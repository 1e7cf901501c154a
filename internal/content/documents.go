package content

import (
	"bytes"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// documents has the methods of [v1.Image] that need only the manifest and the config.
type documents struct {
	mediaType        types.MediaType
	config, manifest func() []byte
}

func (d documents) MediaType() (types.MediaType, error) { return d.mediaType, nil }
func (d documents) RawManifest() ([]byte, error)        { return bytes.Clone(d.manifest()), nil }
func (d documents) Manifest() (*v1.Manifest, error) {
	return v1.ParseManifest(bytes.NewReader(d.manifest()))
}
func (d documents) Digest() (v1.Hash, error)       { return hashOf(d.manifest()) }
func (d documents) Size() (int64, error)           { return int64(len(d.manifest())), nil }
func (d documents) RawConfigFile() ([]byte, error) { return bytes.Clone(d.config()), nil }
func (d documents) ConfigFile() (*v1.ConfigFile, error) {
	return v1.ParseConfigFile(bytes.NewReader(d.config()))
}
func (d documents) ConfigName() (v1.Hash, error) { return hashOf(d.config()) }

func hashOf(content []byte) (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(content))
	return h, err
}

// layersOf returns the layers of an image.
func layersOf[L v1.Layer](layers []L) []v1.Layer {
	all := make([]v1.Layer, len(layers))
	for i, l := range layers {
		all[i] = l
	}
	return all
}
