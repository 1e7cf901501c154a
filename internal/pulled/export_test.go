package pulled

import "context"

// FindWithin is Find with other bounds.
func FindWithin(ctx context.Context, dir string, image Image, bytes int64, files int) (Result, error) {
	return find(dir, image, &reader{ctx: ctx, wanted: image.digests(), bytes: bytes, files: files})
}
