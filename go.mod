module github.com/n2ann/n2

go 1.24
