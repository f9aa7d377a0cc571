module github.com/n2ann/n2/go/model

go 1.24

require (
	github.com/n2ann/n2 v0.0.0
	pgregory.net/rapid v1.3.0
)

replace github.com/n2ann/n2 => ../..
