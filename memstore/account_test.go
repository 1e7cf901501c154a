package memstore

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAccount(t *testing.T) {
	a := account{limit: 10}
	assert.EqualValues(t, 7, a.take(7))
	assert.False(t, a.takeAll(4))
	assert.True(t, a.takeAll(0))
	assert.EqualValues(t, 3, a.take(4), "what is left")
	assert.EqualValues(t, 0, a.take(1))
	assert.False(t, a.takeAll(1))
	a.release(5)
	assert.True(t, a.takeAll(5))
	assert.EqualValues(t, 10, a.used.Load())

	unlimited := account{limit: -1}
	assert.EqualValues(t, 1<<50, unlimited.take(1<<50))
	assert.True(t, unlimited.takeAll(1<<50))
}

func TestAccountConcurrently(t *testing.T) {
	a := account{limit: 1000}
	var wg sync.WaitGroup
	for worker := range int64(8) {
		wg.Go(func() {
			for range 1000 {
				taken := a.take(100 + worker)
				assert.LessOrEqual(t, a.used.Load(), a.limit)
				a.release(taken)
				if a.takeAll(300) {
					a.release(300)
				}
			}
		})
	}
	wg.Wait()
	assert.Zero(t, a.used.Load())
}
