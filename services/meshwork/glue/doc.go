// Package glue joins data sets that know nothing of each other into one shop, around the orders of Online Retail: the
// clicks of the e-shop clothing clickstream (UCI 553) as page navigation, the Women's Clothing reviews as interactions,
// and the people of AdventureWorks as the customers' names and addresses.
//
// What it promises. Everything is a pure function of the files and the seed. What a data set says is passed on as it
// says it; what has to be made up, because two data sets have nothing in common, stands in fields of its own, which the
// contracts mark "synthetic":
//
//   - The k-th most clicked model of the clickstream is the k-th most sold product; the same for reviewed clothing.
//   - Clicks have a day only. Hours follow the times of the invoices, the seconds spent on a page those of the Online
//     Shoppers data set (UCI 468), days are moved by whole weeks. Visitors are made up: seven sessions in ten belong to
//     one who comes again.
//   - Reviews are spread evenly over the lines in which their product was ordered by a known customer, days later.
//   - An Online Retail customer has the name, address, e-mail, phone and birthday of one AdventureWorks person, by a
//     fixed one-to-one map; the country is that of the orders, and changes with them.
//
// Missing files are left out and named by [Glue.Missing]; malformed rows are counted by [Glue.Rejected].
//
// A Source belongs to one goroutine, starts none and blocks only in the source below it. The clicks and reviews are
// held in memory: some 30 MB.
package glue
