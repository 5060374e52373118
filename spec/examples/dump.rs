fn main(){ for k in periplus_spec::draft::Kind::ALL { println!("{}", serde_json::to_string_pretty(&periplus_spec::schema::schema(k)).unwrap()); } }
