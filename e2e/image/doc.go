// Package image builds the container image of ocifake with ko, pushes it to ocifake,
// pulls it back, and runs what is in it as a container would; and what the Kubernetes
// example in docs says is run likewise.
//
// ko is not a tool of this module, since it brings more modules than all others. It is
// where "bash e2e/clients/install.sh ko" puts it; without it the image is not built.
package image
