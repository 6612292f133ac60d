//! Every refusal, with its sentence.

use super::{ask, check, run, tables};

fn all_refused(cases: &[(&str, &str)]) {
    for (sql, sentence) in cases {
        assert_eq!(ask(sql), format!("query: {sentence}"), "{sql}");
    }
}

#[test]
fn statements_that_are_no_single_select() {
    all_refused(&[
        ("insert into events values (1)", "the tables are read-only: give one SELECT statement"),
        ("create table x as select 1", "the tables are read-only: give one SELECT statement"),
        ("drop table events", "the tables are read-only: give one SELECT statement"),
        ("explain select 1", "the tables are read-only: give one SELECT statement"),
        ("show tables", "the tables are read-only: give one SELECT statement"),
        ("copy events to 'x'", "the tables are read-only: give one SELECT statement"),
        ("values (1)", "only SELECT can be asked here: write SELECT ... FROM ..."),
        ("select 1; select 2", "2 statements in one: give one SELECT statement"),
        ("selec 1", "no SQL that can be read: expected: an SQL statement, found: selec at Line: 1, Column: 1"),
        ("select E'x' as a", "E'x': texts stand in plain single quotes, a quote inside is doubled, 'it''s'"),
        (
            "with recursive r as (select 1 as x union all select x + 1 from r) select * from r",
            "WITH RECURSIVE is not supported: ask level by level, one CTE each",
        ),
        (
            "select * from (with a as (select 1 as x) select * from a) as q",
            "WITH inside a subquery is not seen by the engine: put all CTEs at the top of the statement",
        ),
        (
            "(select event_id from events order by event_id limit 1)",
            "ORDER BY and LIMIT stand half inside parentheses: take the parentheses around the SELECT away",
        ),
        (
            "select event_id from events where event_id = :x",
            ":x has no value here: write the value itself, or give the rule a parameter of that name",
        ),
        (
            "select event_id from events where event_id = ?",
            "? has no value here: write the value itself, or give the rule a parameter of that name",
        ),
    ]);
}

#[test]
fn tables_that_are_not_there() {
    all_refused(&[
        ("select event_id from evnts", "no table is called evnts (did you mean events?)"),
        ("select event_id from weather", "no table is called weather: there are events, people"),
        (
            "select * from read_csv('/etc/passwd')",
            "read_csv(...) is no table: only tables are read here, and files are given to trailsift as its SOURCE",
        ),
        (
            "select * from scan_parquet('x')",
            "scan_parquet(...) is no table: only tables are read here, and files are given to trailsift as its SOURCE",
        ),
        (
            "select * from '/etc/passwd'",
            "/etc/passwd is no table: only tables are read here, and files are given to trailsift as its SOURCE",
        ),
        (
            r#"select * from "x.parquet""#,
            "x.parquet is no table: only tables are read here, and files are given to trailsift as its SOURCE",
        ),
        ("select * from s.events", "s.events is no table: only tables are read here, and files are given to trailsift as its SOURCE"),
        (
            "with events as (select 1 as x) select * from events",
            "WITH events: there is a table of that name, which the engine would read instead: choose another name",
        ),
        (
            "select people.event_id from events as people",
            "AS people: a table or CTE has that name, and the engine would mistake them: choose another name",
        ),
        (
            "select event_id from events join events on events.event_id = events.event_id",
            "two tables are called events in one FROM: give each its own name, events AS a",
        ),
        ("select event_id from (select event_id from events)", "a SELECT in FROM has no name: write (SELECT ...) AS x"),
    ]);
}

#[test]
fn columns_that_are_not_there() {
    all_refused(&[
        ("select event_nme from events", "column event_nme is not in events (did you mean event_name?)"),
        ("select EVENT_NAME from events", "column EVENT_NAME is not in events (did you mean event_name?)"),
        (r#"select event_id from events where principal = "alice""#, "column alice is not in events: text takes single quotes, 'alice'"),
        ("select x.event_id from events e", "table x is not in this FROM (did you mean e?)"),
        ("select e.team, e.event_id from events e join people p on e.principal = p.name", "column team is not in e"),
        (
            "select event_id from events e join events f on e.event_epoch = f.event_epoch",
            "column event_id is in e and in f: write e.event_id or f.event_id",
        ),
        (
            "select e.event_id, f.event_id from events e join events f on e.event_epoch = f.event_epoch",
            "two columns of the result are called event_id: give one another name with AS",
        ),
        ("with c as (select event_id as i from events) select event_id from c", "column event_id is not in c"),
        (
            "select min(event_time), max(event_time) from events",
            "two columns or two keys would have one name: give each its own with AS, in a CTE if they are keys of a GROUP BY or of a window",
        ),
        (
            "select foo(event_id) from events",
            "function foo is not known: the events have columns for what is asked most (--schema lists them)",
        ),
    ]);
}

#[test]
fn joins_that_drop_or_multiply_rows() {
    all_refused(&[
        (
            "select e.event_id from events e, people p where e.principal = p.name",
            "FROM a, b pairs every row with every row: write FROM a JOIN b ON a.x = b.x",
        ),
        (
            "select e.event_id from events e cross join people p",
            "CROSS JOIN pairs every row with every row: join by equality, JOIN b ON a.x = b.x",
        ),
        (
            "select e.event_id from events e join people p",
            "a JOIN without ON pairs every row with every row: join by equality, JOIN b ON a.x = b.x",
        ),
        (
            "select e.event_id from events e natural join people p",
            "NATURAL JOIN joins whatever happens to have one name: write USING (column)",
        ),
        (
            "select e.event_id from events e left join people p on e.principal = p.name and p.team > 1",
            "ON p.team > 1 is about one table only, and the engine drops rows for it: filter that table in a CTE, and join the CTE",
        ),
        (
            "select e.event_id from events e left join people p on e.principal = p.name and e.ok = true",
            "ON e.ok = true is about one table only, and the engine drops rows for it: filter that table in a CTE, and join the CTE",
        ),
        (
            "select e.event_id from events e left join people p on e.principal = p.name and p.team < e.event_epoch",
            "p.team < e.event_epoch in the ON of an outer, SEMI or ANTI join drops rows: join by equality and test the rest with CASE or in a CTE",
        ),
        (
            "select e.event_id from events e join people p on e.principal = p.name and p.team > 1",
            "ON p.team > 1 is about one table only: move it to WHERE",
        ),
        (
            "select e.event_id from events e join people p on e.principal = p.name or p.team = e.event_epoch",
            "ON takes comparisons of two tables joined by AND: move e.principal = p.name OR p.team = e.event_epoch to WHERE",
        ),
        (
            "select a.event_id from events a join events b on a.event_epoch < b.event_epoch",
            "a join by inequality alone pairs nearly every row with every row: join by equality too, or use LAG in a window",
        ),
        (
            "select event_id from events e full join people p using (name)",
            "USING with a RIGHT or FULL JOIN leaves the column null for rows of the right table: write ON, and COALESCE(a.x, b.x)",
        ),
    ]);
}

#[test]
fn subqueries_that_are_no_joins() {
    all_refused(&[
        (
            "select event_id from events where principal in (select principal from events where ok)",
            "a filter on ok inside IN (SELECT ...) can take all memory where the outer table has ok too: put the filter into a CTE, WITH x AS (SELECT ... WHERE ...)",
        ),
        ("select event_id from events where principal in (select principal, ok from events)", "IN (SELECT ...) takes one column, not 2"),
        ("select principal in (select name from people) as k from events", "IN (SELECT ...) stands in WHERE only: use LEFT JOIN here"),
        (
            "select event_id from events where event_epoch > (select max(team) from people)",
            "a subquery in place of one value is not supported: compute it in a CTE and join the CTE",
        ),
        (
            "select event_id from events e where exists (select 1 from people p where p.name = e.principal and p.team < e.event_epoch)",
            "EXISTS is tied to the outer table by equality only, and p.team < e.event_epoch is something else: use a JOIN",
        ),
        (
            "select event_id from events e where exists (select 1 from events f where f.principal = e.principal and f.ok)",
            "a filter on ok inside EXISTS (SELECT ...) can take all memory where the outer table has ok too: put the filter into a CTE, WITH x AS (SELECT ... WHERE ...)",
        ),
        (
            "select event_id from events e where exists (select 1 from people p where team = 1)",
            "EXISTS without an equality to the outer table: write WHERE inner.x = outer.x, or IN (SELECT ...)",
        ),
        (
            "select event_id from events e where exists (select 1 from people p where p.name = e.principal) or ok",
            "EXISTS must be a condition of its own in WHERE, joined to others by AND: or use LEFT JOIN",
        ),
    ]);
}

#[test]
fn groups_that_would_be_wrong() {
    all_refused(&[
        ("select principal, count(*) from events", "principal stands beside an aggregate without GROUP BY: add GROUP BY principal"),
        ("select *, count(*) from events", "* beside an aggregate or GROUP BY: name the columns"),
        (
            "select principal, event_name, count(*) from events group by principal",
            "event_name is neither in GROUP BY nor in an aggregate: add it to GROUP BY, or write MAX(event_name)",
        ),
        (
            "select principal || count(*) as x from events group by principal",
            "principal and an aggregate in one expression: select both in a CTE, and combine them outside",
        ),
        (
            "select principal from events where count(*) > 1",
            "COUNT in WHERE or ON counts all rows, not groups: use HAVING, or filter outside a CTE",
        ),
        (
            "select sum(count(*)) from events group by principal",
            "SUM of no column is not summed here: multiply COUNT(*), or compute COUNT in a CTE and sum it outside",
        ),
        ("select max(min(event_epoch)) from events", "MIN inside another aggregate: compute the inner one in a CTE"),
        (
            "select principal, count(-1) as n from events group by principal",
            "COUNT of no column counts nothing of the rows: write COUNT(*)",
        ),
        ("select count(distinct 1) as n from events", "COUNT of no column counts nothing of the rows: write COUNT(*)"),
        ("select count(*) filter (where 1 = 1) as n from events", "COUNT FILTER (WHERE ...) names no column: leave the filter away"),
        (
            "select sum(1) as n from events",
            "SUM of no column is not summed here: multiply COUNT(*), or compute COUNT in a CTE and sum it outside",
        ),
        (
            "select principal from events group by principal order by count(*)",
            "ORDER BY COUNT(...): select it with a name, COUNT(...) AS n, and ORDER BY n",
        ),
        ("select principal from events group by principal order by event_id", "ORDER BY event_id: it is neither selected nor in GROUP BY"),
        (
            "select principal from events group by principal having principal = 'bob'",
            "HAVING tests groups, and principal is a column of rows: test it in WHERE, or put it into an aggregate",
        ),
        (
            "select lower(principal) as principal, count(*) as n from events group by principal",
            "GROUP BY principal: principal is a column of the table and the name of another expression: group by the expression, or give it another name",
        ),
        ("select count(*) as n from events having count(*) > 1", "HAVING without GROUP BY: use WHERE, or filter outside a CTE"),
        ("select principal, count(*) from events group by all", "GROUP BY ALL: name the columns to group by"),
        (
            "select first(event_id) from events",
            "FIRST without an order takes any row: use MIN or MAX, or ROW_NUMBER() OVER (... ORDER BY ...) = 1 in a CTE",
        ),
        (
            "select string_agg(event_id, ',') as s from events",
            "STRING_AGG lists in no fixed order: write ORDER BY inside its parentheses, STRING_AGG(x ORDER BY x)",
        ),
        (
            "select distinct principal from events order by event_epoch",
            "ORDER BY event_epoch of a SELECT DISTINCT that does not select it: select it, or order by what is selected",
        ),
        (
            "select distinct on (principal) principal, event_id from events",
            "DISTINCT ON is not portable: filter ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1 outside a CTE",
        ),
    ]);
}

#[test]
fn functions_under_other_names() {
    for call in
        ["\"count\"(*)", "\"Count\"(*)", "`count`(*)", "\"sum\"(event_epoch)", "count.x(*)", "\"row_number\"() over (order by event_id)"]
    {
        let answer = ask(&format!("select {call} - 5 as n from events"));
        assert!(answer.ends_with("(...): a function's name stands alone and without quotes"), "{call}: {answer}");
    }
    let answer = ask("select event_id from events where \"max\"(event_epoch) = event_epoch");
    assert!(answer.contains("without quotes"), "{answer}");
}

#[test]
fn numbers_that_would_wrap_or_be_rounded_otherwise() {
    let wraps = |product: &str| format!("{product} may not fit into 64 bits, and wraps around then: cast one side, CAST(x AS DOUBLE) * y");
    let rounds = |operator: &str| {
        format!(
            "{operator} rounds down here, where SQL rounds toward zero, so it takes values that cannot be below zero: write ABS(x), or FLOOR(x / y)"
        )
    };
    let cast =
        |to: &str| format!("a cast to {to} wraps around or loses digits in what follows: use BIGINT, DOUBLE, VARCHAR, DATE or TIMESTAMP");
    let cases = [
        ("event_epoch * 10000000000", wraps("event_epoch * 10000000000")),
        ("event_epoch * 1000 * (1000 * event_epoch)", wraps("event_epoch * 1000 * (1000 * event_epoch)")),
        ("event_epoch * (1000000 * -2)", wraps("event_epoch * (1000000 * -2)")),
        ("4000000000 * 4000000000", wraps("4000000000 * 4000000000")),
        (
            "event_epoch + 9223372036854775807",
            "event_epoch + 9223372036854775807 may not fit into 64 bits, and wraps around then: cast one side, CAST(x AS DOUBLE)"
                .to_owned(),
        ),
        (
            "sum(case when ok then event_epoch * 1000 else 0 end)",
            "SUM of a product may not fit into 64 bits, and wraps around then: multiply the SUM, or write SUM(CAST(x AS DOUBLE) * y)"
                .to_owned(),
        ),
        ("sum(ok) - 5", "SUM of a condition: write COUNT(*) FILTER (WHERE ...), or SUM(CASE WHEN ... THEN 1 ELSE 0 END)".to_owned()),
        ("cast(event_epoch as int) * 2", cast("INT")),
        ("event_epoch::smallint", cast("SMALLINT")),
        ("cast(event_epoch as real)", cast("REAL")),
        ("cast(event_epoch as bigint unsigned)", cast("BIGINT UNSIGNED")),
        ("-7 % 3", rounds("%")),
        ("mod(event_epoch - 7, 3)", rounds("MOD")),
        ("div(-7, 2)", rounds("DIV")),
        ("-7 // 2", rounds("//")),
        ("lpad(event_name, 1000000000, 'x')", "LPAD takes a number up to 10000 for its width".to_owned()),
        ("rpad(event_name, event_epoch, 'x')", "RPAD takes a number up to 10000 for its width".to_owned()),
    ];
    for (expr, sentence) in cases {
        assert_eq!(ask(&format!("select {expr} as x from events")), format!("query: {sentence}"), "{expr}");
    }
    for expr in [
        "event_epoch * 86400 * 10",
        "cast(event_epoch as double) * 10000000000",
        "event_epoch * 1000000.5",
        "sum(event_epoch) * 1000",
        "sum(cast(event_epoch as double) * event_epoch)",
        "event_epoch - event_epoch % 300",
        "dense_rank() over (order by event_epoch) % 2",
        "(event_epoch / 3) * 1000000",
        "cast(event_epoch as varchar)",
        "rpad(event_name, 40, ' ')",
    ] {
        let answer = ask(&format!("select {expr} as x from events"));
        assert!(!answer.starts_with("query:"), "{expr}: {answer}");
    }
}

#[test]
fn comparisons_that_would_be_mistaken() {
    let any = "ANY and ALL are mistaken by the engine, but for = ANY: write IN, NOT IN, or comparisons joined by AND and OR";
    let escape = "LIKE knows no escapes: write STARTS_WITH(x, 'a_b'), ENDS_WITH(x, 'a_b') or STRPOS(x, 'a_b') > 0";
    all_refused(&[
        ("select event_id from events where principal <> any(array['alice', 'bob'])", any),
        ("select event_id from events where event_epoch > all(array[1, null])", any),
        ("select event_id from events where event_name like 'Get\\_%'", escape),
        ("select event_id from events where event_name not ilike '100\\%'", escape),
    ]);
    assert_eq!(ask("select event_id from events where 'y' = any(resource_arns) and event_name not like '%\\x'"), r#"["e1"]"#);
}

#[test]
fn windows_that_would_be_wrong() {
    all_refused(&[
        (
            "select event_id, row_number() over (order by event_epoch) as r from events",
            "ROW_NUMBER OVER (... ORDER BY ...) takes rows of equal order in any order: end the ORDER BY with event_id",
        ),
        (
            "select event_id, sum(event_epoch) over (partition by principal order by event_epoch) as r from events",
            "SUM OVER (... ORDER BY ...) counts rows of equal order one by one, not together: end the ORDER BY with event_id",
        ),
        (
            "with d as (select dt, n from (select event_name as dt, count(*) as n from events group by event_name) as x) select lag(n) over (order by n) as l from d",
            "LAG OVER (... ORDER BY ...) takes rows of equal order in any order: end the ORDER BY with dt, n",
        ),
        ("select event_id, row_number() over () as r from events", "ROW_NUMBER needs OVER (... ORDER BY ...)"),
        (
            "select event_id, avg(event_epoch) over (order by event_id) as r from events",
            "AVG OVER (... ORDER BY ...) is computed over the whole partition: leave ORDER BY away if that is meant",
        ),
        (
            "select event_id, count(distinct ok) over (order by event_id) as r from events",
            "COUNT(DISTINCT ...) OVER (... ORDER BY ...) is computed over the whole partition: leave ORDER BY away if that is meant",
        ),
        (
            "select event_id, last_value(event_id) over (order by event_id) as r from events",
            "LAST_VALUE OVER (...) is not supported: use FIRST_VALUE with the order turned around",
        ),
        (
            "select event_id, count(*) over w as r from events window w as (order by event_id)",
            "WINDOW names are ignored by some functions: write the window out after OVER",
        ),
        (
            "select event_id from events qualify row_number() over (order by event_id) = 1",
            "QUALIFY is not portable: name the window in a CTE and filter outside it",
        ),
        (
            "select event_id from events where row_number() over (order by event_id) = 1",
            "ROW_NUMBER OVER (...) stands in the list of SELECT only: name it in a CTE, and use the name outside",
        ),
        (
            "select event_id, sum(event_epoch) over (order by event_id rows between 1 preceding and current row) as r from events",
            "SUM OVER (... ROWS ...): no frame but ROWS UNBOUNDED PRECEDING is supported: use LAG(x, n), or a join",
        ),
        (
            "select event_id, row_number() over (order by event_epoch nulls first, event_id) as r from events",
            "NULLS FIRST, or NULLS LAST after the first column, is ignored in a window: order by COALESCE(column, ...)",
        ),
        (
            "select event_id, row_number() over (order by case when ok then 1 end, event_id) as r from events",
            "a window ordered by a CASE without ELSE puts its nulls first: end the CASE with ELSE",
        ),
        (
            "select event_id, row_number() over (order by event_epoch desc, event_id) as r from events",
            "ROW_NUMBER OVER (... ORDER BY ...) takes one direction for all columns: write DESC after each, or turn a number around, ORDER BY -x",
        ),
        (
            "select principal, rank() over (order by principal) as r from events group by principal",
            "a window and a GROUP BY or aggregate in one SELECT: group in a CTE, and put the window outside",
        ),
    ]);
}

#[test]
fn orders_and_limits_that_change_from_run_to_run() {
    all_refused(&[
        ("select principal from events group by principal limit 1", "LIMIT without ORDER BY takes other rows on each run: add an ORDER BY"),
        (
            "with t as (select principal, count(*) as n from events group by principal order by n desc limit 1) select * from t",
            "LIMIT in a CTE or subquery takes other rows on each run where its ORDER BY leaves ties: end the ORDER BY with principal",
        ),
        (
            "select event_id as x from events union all select name from people order by x",
            "ORDER BY x of a UNION: order by place (ORDER BY 1), or give the column the same name on all sides",
        ),
        (
            "select principal from events except select name from people union all select name from people",
            "EXCEPT beside another UNION, EXCEPT or INTERSECT is mistaken by the engine: put it into a CTE of its own",
        ),
        (
            "select event_id, ok from events union select name from people",
            "UNION of 2 columns with 1: select the same columns on both sides",
        ),
        (
            "select event_id from events where '2026-03-08T00:00:05Z' = event_time",
            "a time is compared with a text: write event_time >= '2026-03-08 00:00:00' (all times are UTC), or compare event_epoch",
        ),
        (
            "select event_id from events where principal is distinct from 'alice' and ok",
            "IS DISTINCT FROM takes all that follows for its right side: put it into parentheses, (a IS DISTINCT FROM b)",
        ),
    ]);
}

#[test]
fn conditions_and_values_that_the_engine_misreads() {
    all_refused(&[
        (
            "select event_id from events where event_name like 'Con%' is not true",
            "put the condition before IS into parentheses, (event_name LIKE 'Con%') IS ...",
        ),
        (
            "select event_id from events where event_epoch between 1 and 5 is true",
            "put the condition before IS into parentheses, (event_epoch BETWEEN 1 AND 5) IS ...",
        ),
        ("select 1 as a, 2 as b union all select 3, 4", "two values without a name: name each with AS, in each SELECT of a UNION too"),
        (
            "select event_id from events where event_name is normalized",
            "an expression of the kind IsNormalized is not known here: write it with =, IN, LIKE, IS NULL or CASE",
        ),
    ]);
    assert_eq!(ask("select event_id from events where (event_name like 'Get%') is not true"), r#"["e2"] ["e4"]"#);
}

#[test]
fn statements_that_are_too_long_or_too_deep() {
    let refusal = |sql: &str| check(sql).expect_err(sql.get(..40).unwrap_or(sql)).to_string();
    let long = format!("select event_id from events where event_id in ('{}')", "x".repeat(70_000));
    assert_eq!(refusal(&long), "query: the statement has 70050 bytes, and 65536 are the limit: shorten its lists");
    let wide = format!("select event_id from events where {}", vec!["ok"; 600].join(" or "));
    assert!(refusal(&wide).contains("599 operators and 0 UNIONs, and 500 and 100 are the limits"));
    let cases = format!("select case event_epoch {} end as x from events", "when 1 then 2 ".repeat(501));
    assert!(refusal(&cases).contains("501 operators"));
    let unions = vec!["select event_id from events"; 102].join(" union all ");
    assert!(refusal(&unions).contains("0 operators and 101 UNIONs"));
    let deep = format!("select {}1{} as x", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(refusal(&deep), "query: the statement is nested too deep: split it into CTEs (WITH x AS (...))");
    let double = |i| format!(", c{i} as (select a.event_id from c{0} a join c{0} b on a.event_id = b.event_id)", i - 1);
    let doubling = (1..20).map(double).collect::<Vec<_>>().concat();
    let doubled = refusal(&format!("with c0 as (select event_id from events){doubling} select event_id from c19"));
    assert_eq!(doubled, "query: the CTEs unfold to more than 256 scans of tables: use each less often");
}

#[test]
fn what_is_just_within_the_limits_runs() {
    let wide = format!("select event_id from events where {}", vec!["ok"; 490].join(" or "));
    let unions = vec!["select event_id from events"; 100].join(" union ");
    let cases = format!("select case event_epoch {} end as x from events", "when 1 then 2 ".repeat(490));
    let calls = format!("select {}event_id{} as x from events", "lower(".repeat(30), ")".repeat(30));
    for sql in [wide, unions, cases, calls] {
        assert!(run(&sql, &tables(), None).is_ok());
    }
}
