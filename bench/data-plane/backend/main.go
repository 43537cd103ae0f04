// A model server that costs next to nothing: reads the whole body and answers a small JSON object. Written in Go so that
// it is never the bottleneck of a comparison of proxies.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	answer := []byte(`{"outputs":[{"name":"probability","shape":[1],"datatype":"FP32","data":[0.5]}]}`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "application/json")
		w.Write(answer)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], handler))
}
