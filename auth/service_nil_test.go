package auth_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/auth"
)

// TestNilService calls every method of the Service that a registry without auth has.
func TestNilService(t *testing.T) {
	var service *auth.Service
	typ := reflect.TypeOf(service)
	for i := range typ.NumMethod() {
		method := typ.Method(i)
		args := []reflect.Value{reflect.ValueOf(service)}
		for in := 1; in < method.Type.NumIn(); in++ {
			args = append(args, reflect.Zero(method.Type.In(in)))
		}
		if method.Type.IsVariadic() {
			args = args[:len(args)-1]
		}
		want := "auth: " + method.Name + ": the Service is nil: the registry was started without auth.Options"
		assert.PanicsWithValue(t, want, func() { method.Func.Call(args) })
	}
}
