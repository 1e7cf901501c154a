package record_test

import (
	"fmt"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func ExampleParseExpectation() {
	expect, err := record.ParseExpectation("op=blob.get count<=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(expect.Judge(record.Log{}))
	fetch := record.Exchange{Info: op.Info{Op: op.BlobGet}}
	fmt.Println(expect.Judge(record.Log{fetch, fetch}))
	// Output:
	// <nil>
	// want op=blob.get count<=1: count is 2
}
