//go:build linux

package image

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// example is what is in docs/examples/kubernetes.yaml.
type example struct {
	secret  corev1.Secret
	pod     corev1.Pod
	service corev1.Service
}

// readExample reads it as Kubernetes does, which refuses what it does not know.
func readExample(t *testing.T) (e example) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/examples/kubernetes.yaml"))
	require.NoError(t, err)
	objects := map[string]any{"Secret": &e.secret, "Pod": &e.pod, "Service": &e.service}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		require.NoError(t, yaml.Unmarshal(document, &kind))
		require.Equal(t, "v1", kind.APIVersion)
		require.Contains(t, objects, kind.Kind)
		require.NoError(t, yaml.UnmarshalStrict(document, objects[kind.Kind]), kind.Kind)
		delete(objects, kind.Kind)
	}
	require.Empty(t, objects, "not in the example")
	return e
}

// environment is what Kubernetes puts into that of a container.
func (e example) environment(t *testing.T, c corev1.Container) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, v := range c.Env {
		require.NotNil(t, v.ValueFrom, v.Name)
		require.NotNil(t, v.ValueFrom.SecretKeyRef, v.Name)
		require.Equal(t, e.secret.Name, v.ValueFrom.SecretKeyRef.Name)
		require.Contains(t, e.secret.StringData, v.ValueFrom.SecretKeyRef.Key)
		env[v.Name] = e.secret.StringData[v.ValueFrom.SecretKeyRef.Key]
	}
	return env
}

// TestKubernetes runs what the example says, with no files but the binary, and asks
// what Kubernetes and jobs in its cluster would ask.
func TestKubernetes(t *testing.T) {
	e := readExample(t)
	require.Len(t, e.pod.Spec.Containers, 1)
	spec := e.pod.Spec.Containers[0]
	env := e.environment(t, spec)
	args := make([]string, len(spec.Args))
	for i, arg := range spec.Args {
		for name, value := range env {
			arg = strings.ReplaceAll(arg, "$("+name+")", value)
		}
		args[i] = arg
	}
	require.NotContains(t, strings.Join(args, " "), "$(")
	require.Len(t, spec.Ports, 1)
	port := spec.Ports[0].ContainerPort
	address := fmt.Sprintf("0.0.0.0:%d", port)
	require.Contains(t, args, address)
	for i := range args {
		args[i] = strings.Replace(args[i], address, "127.0.0.1:0", 1)
	}

	c := container{root: t.TempDir(), user: nonroot, entrypoint: []string{"/ocifake"}}
	buildStatic(t, filepath.Join(c.root, "ocifake"))
	base := c.start(t, args...)

	probe := spec.ReadinessProbe.HTTPGet
	require.Equal(t, port, probe.Port.IntVal)
	get(t, base+probe.Path, http.StatusOK)
	get(t, base+"/_ocifake/v1/requests", http.StatusUnauthorized)
	get(t, base+"/v2/app/tags/list", http.StatusUnauthorized)
	u, err := url.Parse(base + "/v2/app/tags/list")
	require.NoError(t, err)
	name, password, _ := strings.Cut(e.secret.StringData["user"], ":")
	u.User = url.UserPassword(name, password)
	assert.Contains(t, get(t, u.String(), http.StatusOK), `"tags":["v1","v2","v3"]`)

	selector := labels.SelectorFromSet(e.service.Spec.Selector)
	assert.True(t, selector.Matches(labels.Set(e.pod.Labels)), "the Service does not select the Pod")
	require.Len(t, e.service.Spec.Ports, 1)
	assert.Equal(t, port, e.service.Spec.Ports[0].Port) // without a target port, it is that, too
	assert.Zero(t, e.service.Spec.Ports[0].TargetPort)
}

// buildStatic builds the binary as .ko.yaml does.
func buildStatic(t *testing.T, path string) {
	t.Helper()
	command(t, []string{"CGO_ENABLED=0"}, "go", "build", "-o", path, "./cmd/ocifake")
}
