// What Docker's own parser makes of the names in docker_image_names.tsv: each with its tag, in full; nothing
// where it refuses the name. To make the table again, in an empty folder with this file:
//
//	go mod init names && go get github.com/distribution/reference@v0.6.0
//	cut -f 1 docker_image_names.tsv | go run . > new.tsv
package main

import (
	"bufio"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"os"

	"github.com/distribution/reference"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		full := ""
		if named, err := reference.ParseNormalizedNamed(lines.Text()); err == nil {
			full = reference.TagNameOnly(named).String()
		}
		fmt.Printf("%s\t%s\n", lines.Text(), full)
	}
}
