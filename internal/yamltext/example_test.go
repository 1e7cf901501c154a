package yamltext_test

import (
	"fmt"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/yamltext"
)

func ExampleSettings() {
	settings, err := yamltext.Settings([]byte("addr: 127.0.0.1:5000\nload: [a.tar, b.tar]\n"))
	for _, s := range settings {
		fmt.Println(s.Name, s.Values)
	}
	fmt.Println(err)
	// Output:
	// addr [127.0.0.1:5000]
	// load [a.tar b.tar]
	// <nil>
}

func ExampleMarshal() {
	text, err := yamltext.Marshal([]faults.Rule{faults.On().Repo("app").Times(2).Do(faults.Status(503))})
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// - where: repo=app
	//   times: 2
	//   do:
	//   - status:
	//       code: 503
	// <nil>
}
