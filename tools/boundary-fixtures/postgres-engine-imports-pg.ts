// place: libs/store/src/postgres
// refused by: nothing
import 'pg';
