package ledgercodec

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// maxInflated bounds what is read, against a bomb in the store.
const maxInflated = 16 << 20

// A deflater takes half a megabyte to make.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // the level is constant
	}
	return w
}}

// deflate appends the data to out.
func deflate(out, data []byte) ([]byte, error) {
	b := bytes.NewBuffer(out)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(b)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func inflate(data []byte) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(data), nil); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err == nil && len(out) > maxInflated {
		err = fmt.Errorf("over %d bytes", maxInflated)
	}
	return out, err
}
